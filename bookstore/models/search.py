"""What the search looks through; the database keeps its full-text index beside it.

On PostgreSQL ``book_search`` has a generated ``tsvector`` column with a GIN index and
``search_terms`` a trigram index; on SQLite triggers keep two FTS5 tables. Those parts live in
the migrations, since no ORM describes them.
"""

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bookstore.extensions import db
from bookstore.models.types import BigId


class BookSearch(db.Model):
    """One book's folded words."""

    __tablename__ = "book_search"

    book_id: Mapped[int] = mapped_column(
        ForeignKey("books.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # Main title, its remainder (series, subtitle), authors, and ISBN-10, ISBN-13, SKU.
    title: Mapped[str] = mapped_column(Text)
    more: Mapped[str] = mapped_column(Text)
    people: Mapped[str] = mapped_column(Text)
    codes: Mapped[str] = mapped_column(Text)
    # Words in the main title: a short title fully matched beats a long one partly matched.
    title_words: Mapped[int]
    boost: Mapped[int] = mapped_column(BigId)


class SearchTerm(db.Model):
    """A word that some title or author has; a mistyped word is matched against these."""

    __tablename__ = "search_terms"

    term: Mapped[str] = mapped_column(String(64), primary_key=True)
