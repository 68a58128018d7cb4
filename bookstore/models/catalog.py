"""Books and what they hang on: authors, categories, publishers."""

from datetime import date, datetime
from typing import Optional

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from bookstore import clock
from bookstore.extensions import Model, db
from bookstore.models.text import sort_key
from bookstore.models.types import BigId, UTCDateTime, sort_text

STATUSES = ("available", "out_of_stock", "coming_soon")
LOW_STOCK = 5  # from here down a book's stock_state is low_stock

book_authors = Table(
    "book_authors",
    db.metadata,
    Column("book_id", ForeignKey("books.id", ondelete="CASCADE"), primary_key=True),
    Column("author_id", ForeignKey("authors.id", ondelete="RESTRICT"), primary_key=True),
    Column("position", BigId, nullable=False, default=0),
    Index("ix_book_authors_author_id_book_id", "author_id", "book_id"),
)

book_categories = Table(
    "book_categories",
    db.metadata,
    Column("book_id", ForeignKey("books.id", ondelete="CASCADE"), primary_key=True),
    Column("category_id", ForeignKey("categories.id", ondelete="RESTRICT"), primary_key=True),
    Index("ix_book_categories_category_id_book_id", "category_id", "book_id"),
)


class Author(Model):
    """Somebody who wrote a book."""

    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    first_name: Mapped[str] = mapped_column(String(150), default="")
    last_name: Mapped[str] = mapped_column(String(150))
    name_sort: Mapped[str] = mapped_column(sort_text(320))
    # Private: for the shop's staff, never in an answer to the public.
    email: Mapped[str | None] = mapped_column(String(254))
    biography: Mapped[str] = mapped_column(Text, default="")
    birth_date: Mapped[date | None]
    website: Mapped[str | None] = mapped_column(String(500))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    __table_args__ = (Index("ix_authors_name_sort_id", "name_sort", "id"),)

    @validates("first_name", "last_name")
    def _resort(self, key: str, value: str) -> str:
        names = {"first_name": self.first_name, "last_name": self.last_name, key: value}
        # Folding may make text longer ("ﷺ" becomes eighteen letters), here and below.
        self.name_sort = sort_key(f"{names['last_name'] or ''} {names['first_name'] or ''}")[:320]
        return value

    @property
    def full_name(self) -> str:
        """First and last name; many authors have only one."""
        return f"{self.first_name} {self.last_name}".strip()

    def __repr__(self) -> str:
        return f"<Author {self.id} {self.full_name}>"


class Category(Model):
    """A shelf."""

    __tablename__ = "categories"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    name_sort: Mapped[str] = mapped_column(sort_text(110))
    description: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    __table_args__ = (Index("ix_categories_name_sort_id", "name_sort", "id"),)

    @validates("name")
    def _resort(self, _key: str, value: str) -> str:
        self.name_sort = sort_key(value)[:110]
        return value

    def __repr__(self) -> str:
        return f"<Category {self.id} {self.slug}>"


class Publisher(Model):
    """A house that publishes books."""

    __tablename__ = "publishers"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    name_sort: Mapped[str] = mapped_column(sort_text(210))
    website: Mapped[str | None] = mapped_column(String(500))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    __table_args__ = (Index("ix_publishers_name_sort_id", "name_sort", "id"),)

    @validates("name")
    def _resort(self, _key: str, value: str) -> str:
        self.name_sort = sort_key(value)[:210]
        return value

    def __repr__(self) -> str:
        return f"<Publisher {self.id} {self.name}>"


class Book(Model):
    """A title on sale. ``price`` is in minor units of the shop's currency."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    title: Mapped[str] = mapped_column(String(500))
    title_sort: Mapped[str] = mapped_column(sort_text(500))
    subtitle: Mapped[str] = mapped_column(String(500), default="")
    isbn: Mapped[str | None] = mapped_column(String(13), unique=True)
    sku: Mapped[str] = mapped_column(String(64), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    pages: Mapped[int | None]
    language: Mapped[str] = mapped_column(String(20), default="")
    publication_date: Mapped[date | None]
    # An unknown date sorts as the oldest, so that one NOT NULL index serves both directions.
    published_sort: Mapped[date] = mapped_column(
        Computed("coalesce(publication_date, '0001-01-01')", persisted=True)
    )
    # What the staff says; what the public sees also depends on stock (public_status).
    status: Mapped[str] = mapped_column(String(20), default="available")
    price: Mapped[int] = mapped_column(BigId)
    stock: Mapped[int] = mapped_column(default=0)
    sold: Mapped[int] = mapped_column(default=0)
    rating_sum: Mapped[int] = mapped_column(default=0)
    rating_count: Mapped[int] = mapped_column(default=0)
    # Thousandths of a star, so that the index holds what -rating sorts by.
    rating_sort: Mapped[int] = mapped_column(
        Computed(
            "CASE WHEN rating_count = 0 THEN 0 ELSE rating_sum * 1000 / rating_count END",
            persisted=True,
        )
    )
    # How widely read it is elsewhere (readers' counts of an import); breaks ties in search.
    popularity: Mapped[int] = mapped_column(default=0)
    # Somewhere else, as staff or an import said; a cover that was uploaded goes before it.
    cover_url: Mapped[str | None] = mapped_column(String(1000))
    # What was uploaded: the names of its three sizes in the store, the largest first, with a space
    # between. One column: there are all three or none.
    cover_names: Mapped[str | None] = mapped_column(String(80))
    # In grams, for shipping by weight; None: as heavy as most.
    weight: Mapped[int | None]
    # Which of a country's tax rates applies.
    tax_category: Mapped[str] = mapped_column(String(40), default="books", server_default="books")
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id", ondelete="RESTRICT"))
    publisher_id: Mapped[int | None] = mapped_column(
        ForeignKey("publishers.id", ondelete="RESTRICT")
    )
    # Grows with every editorial change; sales and reviews leave it alone.
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    author: Mapped[Author] = relationship()
    authors: Mapped[list[Author]] = relationship(
        secondary=book_authors, order_by=book_authors.c.position, viewonly=True
    )
    publisher: Mapped[Optional["Publisher"]] = relationship()
    categories: Mapped[list[Category]] = relationship(
        secondary=book_categories, order_by=Category.name_sort
    )

    __table_args__ = (
        CheckConstraint("stock >= 0", name="stock"),
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        Index("ix_books_title_sort_id", "title_sort", "id"),
        Index("ix_books_price_id", "price", "id"),
        Index("ix_books_published_sort_id", "published_sort", "id"),
        Index("ix_books_created_at_id", "created_at", "id"),
        Index("ix_books_rating_sort_id", "rating_sort", "id"),
        Index("ix_books_sold_id", "sold", "id"),
        Index("ix_books_status_id", "status", "id"),
        Index(
            "ix_books_low_stock",
            "stock",
            "id",
            postgresql_where=text(f"stock <= {LOW_STOCK}"),
            sqlite_where=text(f"stock <= {LOW_STOCK}"),
        ),
        Index("ix_books_author_id_id", "author_id", "id"),
        Index("ix_books_publisher_id_created_at_id", "publisher_id", "created_at", "id"),
    )

    @validates("title")
    def _resort(self, _key: str, value: str) -> str:
        self.title_sort = sort_key(value)[:500]
        return value

    @property
    def public_status(self) -> str:
        """``status`` as a reader sees it: nothing left means out_of_stock."""
        return public_status(self.status, self.stock)

    @property
    def stock_state(self) -> str:
        """in_stock, low_stock or out_of_stock."""
        return stock_state(self.status, self.stock)

    @property
    def average_rating(self) -> float | None:
        """Mean of the ratings to two places, None without any."""
        return average_rating(self.rating_sum, self.rating_count)

    def __repr__(self) -> str:
        return f"<Book {self.id} {self.title!r} price={self.price} stock={self.stock}>"


def public_status(status: str, stock: int) -> str:
    """Return the status a reader sees for a book with ``stock`` copies left."""
    return "out_of_stock" if status == "available" and stock == 0 else status


def stock_state(status: str, stock: int) -> str:
    """Return in_stock, low_stock or out_of_stock, as a buyer should be told."""
    if status == "out_of_stock" or stock == 0:
        return "out_of_stock"
    return "low_stock" if stock <= LOW_STOCK else "in_stock"


def average_rating(rating_sum: int, rating_count: int) -> float | None:
    """Return the mean rating to two places, or None when nobody has rated."""
    return round(rating_sum / rating_count, 2) if rating_count else None
