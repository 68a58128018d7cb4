"""Filling an empty shop with a great many made-up books, readers, reviews and orders.

All of it is one transaction: whoever stops it half-way finds the shop as empty as before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.extensions import db, settings
from bookstore.models import (
    Author,
    Book,
    BookSearch,
    CartItem,
    Category,
    Order,
    OrderEvent,
    OrderItem,
    Payment,
    Publisher,
    Review,
    ShoppingCart,
    StockMovement,
    User,
)
from bookstore.models.catalog import book_authors, book_categories
from bookstore.services import catalog_cache, sales_folding, search_index
from bookstore.services.generating import columns, copying
from bookstore.services.generating.choices import CHUNK, Counts, Size, orders
from bookstore.services.generating.rows import Bases, Rows
from bookstore.unit_of_work import unit_of_work

__all__ = ["MAX_BOOKS", "Size", "generate"]

MAX_BOOKS = 10_000_000
_SUMS = ("sales_days", "book_days", "book_totals")
# What is told of progress: a table's name, how many rows are in it, how many there will be.
Told = Callable[[str, int, int], None]


def generate(size: Size, told: Told = lambda _what, _done, _total: None) -> dict[str, int]:
    """Fill the shop and return how many rows each table got.

    Memory: some 30 bytes a book, and one batch of rows.

    Args:
        size: how much of what; its seed decides all else, on both databases the same.
        told: hears of progress.

    Raises:
        Conflict: there are books, authors, publishers, shelves, orders or such readers.
        Invalid: more reviews than these readers could write.
    """
    if size.reviews * 2 > size.books * size.users:
        raise errors.Invalid({"reviews": ["More than half of all readers would have said of all."]})
    written: dict[str, int] = {}
    with unit_of_work() as session:
        _require_empty(session)
        _without_limits(session)
        told("counting", 0, 1)
        filling = _Filling(session, _rows(session, size), told, written)
        filling.records()
        filling.books()
        filling.reviews()
        filling.orders()
        filling.carts()
        sales_folding.fill(session)
        for table in columns.NUMBERED:
            copying.number_from(session, table)
        catalog_cache.changed()
    _analyse()
    return written


class _Filling:
    """One run."""

    def __init__(self, session: Session, rows: Rows, told: Told, written: dict[str, int]) -> None:
        self._session, self._rows, self._told, self._written = session, rows, told, written

    def records(self) -> None:
        size = self._rows.size
        self._put(User, self._rows.users(), size.users)
        self._put(Category, self._rows.categories(), 1)
        self._put(Publisher, self._rows.publishers(), size.publishers)
        self._put(Author, self._rows.authors(), size.authors)

    def books(self) -> None:
        rows, terms = self._rows, set[str]()
        for some in _chunks(rows.books()):
            size = rows.size.books
            self._put(Book, map(rows.book, some), size)
            self._put(book_authors, _each(rows.book_authors, some))
            self._put(book_categories, _each(rows.book_categories, some))
            self._put(StockMovement, _each(rows.delivered, some))
            found = [rows.search(made) for made in some]
            terms.update(*map(search_index.terms_of, found))
            self._index(found)
        search_index.add_terms(self._session, terms)

    def reviews(self) -> None:
        self._put(Review, self._rows.reviews(), self._rows.size.reviews)

    def orders(self) -> None:
        rows = self._rows
        for some in _chunks(orders(rows.size)):
            self._put(Order, map(rows.order, some), rows.size.orders)
            self._put(OrderItem, _each(rows.order_items, some))
            self._put(OrderEvent, _each(rows.order_events, some))
            self._put(StockMovement, _each(rows.taken, some))
            self._put(Payment, _each(rows.payments, some))

    def carts(self) -> None:
        self._put(ShoppingCart, self._rows.carts(), -(-self._rows.size.users // 5))
        self._put(CartItem, self._rows.cart_items())

    def _index(self, found: Sequence[Mapping[str, Any]]) -> None:
        if search_index.is_sqlite(self._session):
            # With its full-text table, which knows no COPY.
            search_index.insert_rows(self._session, found)
        else:
            self._put(BookSearch, (tuple(row.values()) for row in found), names=tuple(found[0]))

    def _put(
        self, model: Any, rows: Iterable[Any], total: int = 0, names: Sequence[str] = ()
    ) -> None:
        table = getattr(model, "__table__", model)
        wanted = names or columns.OF[table.name]
        for count in copying.write(self._session, table, wanted, rows, CHUNK):
            self._written[table.name] = self._written.get(table.name, 0) + count
            if total:
                self._told(table.name, self._written[table.name], total)


def _rows(session: Session, size: Size) -> Rows:
    tables = {
        "users": User,
        "categories": Category,
        "publishers": Publisher,
        "authors": Author,
        "books": Book,
        "orders": Order,
        "carts": ShoppingCart,
    }
    last = {name: copying.last_id(session, model.__table__) for name, model in tables.items()}
    return Rows(size, Bases(**last), Counts(size), settings().currency)


def _require_empty(session: Session) -> None:
    for model in (Book, Author, Publisher, Category, Order):
        if session.scalar(select(model.id).limit(1)) is not None:
            raise errors.Conflict(f"There are {model.__tablename__} already.")
    if session.scalar(select(User.id).where(User.username_key == "reader0000000")) is not None:
        raise errors.Conflict("There are made-up readers already.")


def _without_limits(session: Session) -> None:
    if not search_index.is_sqlite(session):
        # A request's limits do not fit; until the end of the transaction.
        session.execute(text("SET LOCAL statement_timeout = 0"))
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def _analyse() -> None:
    """Tell the database what there is now: without it, plans are those for an empty shop."""
    engine = db.engine
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.execute(text("ANALYZE"))
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        # Not ANALYZE alone: an index answers by itself only for pages that are known to be whole.
        for name in (*columns.OF, *_SUMS, "book_search", "search_terms"):
            connection.execute(text(f"VACUUM ANALYZE {name}"))
        connection.invalidate()


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _each(make: Callable[[Any], Iterable[Any]], some: list[Any]) -> Iterator[Any]:
    return chain.from_iterable(map(make, some))
