"""Copies in stock: every change is one conditional UPDATE and one line in the ledger."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm import Session

from bookstore import clock, errors, instruments
from bookstore.models import Book, StockMovement
from bookstore.models.catalog import LOW_STOCK, stock_state
from bookstore.prepared import Prepared
from bookstore.services import catalog_cache, events
from bookstore.unit_of_work import collect_after_commit, execute

_BOOK = Book.__table__
_COPIES = bindparam("copies", type_=_BOOK.c.stock.type)
_ONE = update(_BOOK).where(_BOOK.c.id == bindparam("book"))
_TAKING = Prepared(
    _ONE.where(_BOOK.c.stock >= _COPIES, _BOOK.c.status == "available")
    .values(
        stock=_BOOK.c.stock - _COPIES, sold=_BOOK.c.sold + _COPIES, updated_at=_BOOK.c.updated_at
    )
    .returning(_BOOK.c.stock, _BOOK.c.title)
)
_RETURNING = Prepared(
    _ONE.values(
        stock=_BOOK.c.stock + _COPIES, sold=_BOOK.c.sold - _COPIES, updated_at=_BOOK.c.updated_at
    ).returning(_BOOK.c.stock)
)
# What it returns nobody needs; but so many rows go in one statement.
_MOVING = Prepared(insert(StockMovement.__table__).returning(StockMovement.id))


def take(
    session: Session,
    quantities: Mapping[int, int],
    order_id: int,
    actor: str,
    reason: str = "order",
) -> None:
    """Take copies for an order: all of them or none.

    Rows are locked in id order, so that two orders never wait for each other in a ring; and
    before anything is written that refers to them, since PostgreSQL locks for that too (a
    shared lock that has to be upgraded under somebody else's is another ring).

    Args:
        session: of the present unit of work.
        quantities: book id → copies, summed per book.
        order_id: the order they go to.
        actor: label for the ledger.
        reason: why, for the ledger: ``order``, or ``reopening``.

    Raises:
        OutOfStock: with ``items`` of {book_id, requested, available}.
    """
    short, sold_down = [], []
    for book_id, wanted in sorted(quantities.items()):
        row = execute(session, _TAKING, {"book": book_id, "copies": wanted}).first()
        if row is None:
            short.append((book_id, wanted))
        else:
            sold_down.append((book_id, row.title, row.stock + wanted, row.stock))
    if short:
        present = {
            book.id: book.stock if book.status == "available" else 0
            for book in session.query(Book.id, Book.stock, Book.status).filter(
                Book.id.in_([book_id for book_id, _ in short])
            )
        }
        if reason == "order":
            # At once: what is refused is never committed.
            instruments.ORDERS_REFUSED.add(errors.OutOfStock.code)
        raise errors.OutOfStock(
            items=[
                {"book_id": book_id, "requested": wanted, "available": present.get(book_id, 0)}
                for book_id, wanted in short
            ]
        )
    for book_id, title, before, after in sold_down:
        if after == 0:
            collect_after_commit(_count_sold_out, book_id)
        if _note_state(before, after) and is_warning(before, after):
            events.record("book.low_stock", warning(book_id, title, after), aggregate_id=book_id)
    _record(session, {b: -n for b, n in quantities.items()}, reason, order_id, actor)


def give_back(
    session: Session,
    quantities: Mapping[int, int],
    order_id: int,
    actor: str,
    reason: str = "cancellation",
) -> None:
    """Return an order's copies. The ledger's unique index refuses a second time for a reason."""
    for book_id, copies in sorted(quantities.items()):
        row = execute(session, _RETURNING, {"book": book_id, "copies": copies}).one()
        _note_state(row.stock - copies, row.stock)
    _record(session, quantities, reason, order_id, actor)


def set_level(session: Session, book: Book, level: int, actor: str, note: str = "") -> None:
    """Set a locked book's stock to ``level`` copies (staff counted the shelf, and says why)."""
    delta = level - book.stock
    if delta:
        reason = "initial" if book.stock == 0 and book.version == 1 else "adjustment"
        if is_warning(book.stock, level):
            about = warning(book.id, book.title, level)
            events.record("book.low_stock", about, aggregate_id=book.id)
        book.stock = level
        moved = StockMovement(book_id=book.id, delta=delta, reason=reason, actor=actor, note=note)
        session.add(moved)


def _count_sold_out(books: list[int]) -> None:
    instruments.SOLD_OUT.add(amount=len(books))


def is_warning(before: int, after: int) -> bool:
    """Return whether stock has just become low, or run out."""
    seen = stock_state("available", before) != stock_state("available", after)
    return seen and after < before and after <= LOW_STOCK


def warning(book_id: int, title: str, copies: int) -> dict[str, Any]:
    """Return what the event ``book.low_stock`` tells."""
    return {"book_id": book_id, "title": title, "stock": copies, "threshold": LOW_STOCK}


def _record(
    session: Session, deltas: Mapping[int, int], reason: str, order_id: int | None, actor: str
) -> None:
    now = clock.now()
    execute(
        session,
        _MOVING,
        [
            {
                "book_id": book_id,
                "delta": delta,
                "reason": reason,
                "order_id": order_id,
                "actor": actor,
                "at": now,
            }
            for book_id, delta in sorted(deltas.items())
        ],
    )


def _note_state(before: int, after: int) -> bool:
    """Return whether a reader sees a difference; only that makes cached pages stale."""
    seen = stock_state("available", before) != stock_state("available", after)
    if seen:
        catalog_cache.changed()
    return seen
