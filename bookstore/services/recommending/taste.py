"""Who likes what, and what books are like: plain columns of numbers, of the shop or of files."""

import re
from array import array
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import CompoundSelect, extract, func, literal, select, union

from bookstore.extensions import db
from bookstore.models import Book, Order, OrderItem, Review
from bookstore.models.catalog import book_authors, book_categories
from bookstore.services.sales_sums import PAID
from bookstore.services.sql import AnySelect, among, ids, on_sqlite

_SERIES = re.compile(r"\(([^()#]*?),? *#")
_SOME = 10_000


def _numbers() -> "array[int]":
    return array("q")


@dataclass(slots=True)
class Likes:
    """Who read what: a row for each reader and book.

    ``stars`` is how they rated it (1 to 5); a book that was bought counts as 5.
    """

    readers: "array[int]" = field(default_factory=_numbers)
    books: "array[int]" = field(default_factory=_numbers)
    stars: "array[int]" = field(default_factory=_numbers)

    def add(self, reader: int, book: int, stars: int) -> None:
        """Add a row."""
        self.readers.append(reader)
        self.books.append(book)
        self.stars.append(stars)

    def extend(self, other: "Likes") -> None:
        """Add the rows of others, none of whom is one of ours."""
        self.readers.extend(other.readers)
        self.books.extend(other.books)
        self.stars.extend(other.stars)

    def __len__(self) -> int:
        return len(self.books)


@dataclass(slots=True)
class Traits:
    """What books have in common: by kind, rows of a book and the number of one of its traits."""

    books: "dict[str, array[int]]" = field(default_factory=dict)
    numbers: "dict[str, array[int]]" = field(default_factory=dict)
    _known: dict[tuple[str, Hashable], int] = field(default_factory=dict)

    def add(self, kind: str, book: int, trait: Hashable) -> None:
        """Say that a book has a trait."""
        number = self._known.setdefault((kind, trait), len(self._known))
        self.books.setdefault(kind, _numbers()).append(book)
        self.numbers.setdefault(kind, _numbers()).append(number)

    def add_title(self, book: int, title: str) -> None:
        """Add the series that a title names in brackets, as in ``Dune (Dune Chronicles, #1)``."""
        if named := _SERIES.search(title):
            self.add("series", book, named[1].strip().casefold())

    def add_year(self, book: int, year: int) -> None:
        """Add the five years that a book is from."""
        self.add("years", book, year // 5)


def books_of_shop(limit: int) -> list[int]:
    """Return the ids of the most sold and most read books, in the order of their ids."""
    best = (Book.sold.desc(), Book.rating_count.desc(), Book.popularity.desc(), Book.id)
    return sorted(db.session.scalars(select(Book.id).order_by(*best).limit(limit)))


def likes_of_shop(book_ids: Iterable[int]) -> Likes:
    """Return who bought or rated these books, as far as orders were paid and not cancelled."""
    wanted, found = set(book_ids), Likes()
    rows = db.session.execute(_likes(), execution_options={"yield_per": _SOME})
    for reader, book, stars in rows:
        if book in wanted:
            found.add(reader, book, stars)
    return found


def count_of_shop() -> int:
    """Return how many rows ``likes_of_shop`` has of all books."""
    return db.session.scalar(select(func.count()).select_from(_likes().subquery())) or 0


def readers_of_shop() -> int:
    """Return how many have bought anything."""
    paid = (Order.status != "cancelled") & Order.payment_status.in_(PAID)
    return db.session.scalar(select(func.count(Order.user_id.distinct())).where(paid)) or 0


def traits_of_shop(book_ids: Sequence[int]) -> Traits:
    """Return what these books have in common: authors, categories, series, language, years."""
    found = Traits()
    by, on = book_authors.c, book_categories.c
    for book, author in _rows(select(by.book_id, by.author_id), by.book_id, book_ids):
        found.add("author", book, author)
    for book, category in _rows(select(on.book_id, on.category_id), on.book_id, book_ids):
        found.add("genre", book, category)
    year = extract("year", Book.publication_date)
    of_book = select(Book.id, Book.title, Book.language, year)
    for book, title, language, published in _rows(of_book, Book.id, book_ids):
        found.add_title(book, title)
        if language:
            found.add("language", book, language[:2])
        if published is not None:
            found.add_year(book, int(published))
    return found


def _likes() -> CompoundSelect[Any]:
    bought = (
        select(Order.user_id, OrderItem.book_id, literal(5).label("stars"))
        .join(OrderItem, OrderItem.order_id == Order.id)
        .where(Order.status != "cancelled", Order.payment_status.in_(PAID))
    )
    rated = select(Review.user_id, Review.book_id, Review.rating)
    return union(bought, rated)


def _rows(query: AnySelect, key: Any, book_ids: Sequence[int]) -> Iterable[Any]:
    sqlite = on_sqlite()
    query = query.where(among(key, "ids", sqlite=sqlite))
    for start in range(0, len(book_ids), _SOME):
        some = {"ids": ids(book_ids[start : start + _SOME], sqlite=sqlite)}
        yield from db.session.execute(query, some)
