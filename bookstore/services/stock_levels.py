"""What lies on the shelves, as staff looks after it: found, low, put right, and how it came so."""

from typing import Any

from sqlalchemy import ColumnElement, Integer, func, literal_column, select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book, Order as OrderRow, OrderItem, StockMovement
from bookstore.models.catalog import LOW_STOCK
from bookstore.services import catalog_editing, paging, search
from bookstore.services.actors import Acting, require_staff
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.services.sql import AnySelect, planned_anew
from bookstore.unit_of_work import unit_of_work

# How far from 0 a level may be that somebody types.
MOST = 10_000_000
_LIMITS = f"A whole number from 0 to {MOST}."

_SHOWN = (
    Book.id,
    Book.title,
    Book.isbn,
    Book.sku,
    Book.status,
    Book.stock,
    Book.sold,
    Book.price,
    Book.version,
    Book.updated_at,
)


def list_books(actor: Acting, page: PageRequest, *, q: str = "", low: bool = False) -> Page:
    """Return one page of books as staff looks after them (id, title, isbn, sku, status, stock,
    sold, price, version, updated_at); prices in minor units.

    Args:
        actor: staff.
        page: which.
        q: words of the title or the authors, an ISBN or a SKU; the best match first.
        low: only what is on sale and has ``LOW_STOCK`` copies or fewer; without ``q``, the fewest
            first.

    Raises:
        Forbidden: not staff.
        Invalid: a bad cursor.
    """
    require_staff(actor)
    query: AnySelect = select(*_SHOWN)
    # As the index has it: given as a parameter it would not be used.
    few = Book.stock <= literal_column(str(LOW_STOCK), Integer()), Book.status == "available"
    if q.strip():
        return _matching(query, few if low else (), page, q)
    if low:
        order = Order("stock", Book.stock, Book.id, False, paging.parse_int)
        return paging.fetch(db.session(), query.where(*few), order, page)
    order = Order("-created", Book.id, Book.id, True, paging.parse_int)
    return paging.fetch(db.session(), query, order, page)


def get(actor: Acting, book_id: int) -> dict[str, Any]:
    """Return one book as ``list_books`` has it, and ``ordered``: copies of it that were sold and
    have not left the shop yet (they are no longer in ``stock``).

    Raises:
        Forbidden: not staff.
        NotFound: there is none.
    """
    require_staff(actor)
    session = db.session()
    row = session.execute(select(*_SHOWN).where(Book.id == book_id)).first()
    if row is None:
        raise errors.NotFound(f"There is no book {book_id}.")
    # By what waits, of which there is little, not by all that was ever sold.
    waiting = (
        select(func.sum(OrderItem.quantity))
        .join(OrderRow, OrderRow.id == OrderItem.order_id)
        .where(
            OrderRow.status.in_(("pending", "processing")),
            OrderRow.stock_returned.is_(False),
            OrderItem.book_id == book_id,
        )
    )
    return {**row._mapping, "ordered": int(session.scalar(waiting) or 0)}


def movements(actor: Acting, book_id: int, page: PageRequest) -> Page:
    """Return one page of a book's ledger, newest first: id, at, delta, reason, note, actor,
    order_id, order_number.

    Raises:
        Forbidden: not staff.
        Invalid: a bad cursor.
    """
    require_staff(actor)
    query: AnySelect = (
        select(
            StockMovement.id,
            StockMovement.at,
            StockMovement.delta,
            StockMovement.reason,
            StockMovement.note,
            StockMovement.actor,
            StockMovement.order_id,
            OrderRow.number.label("order_number"),
        )
        .outerjoin(OrderRow, OrderRow.id == StockMovement.order_id)
        .where(StockMovement.book_id == book_id)
    )
    key = StockMovement.id
    return paging.fetch(db.session(), query, Order("-at", key, key, True, paging.parse_int), page)


def adjust(
    actor: Acting,
    book_id: int,
    *,
    by: int | None = None,
    to: int | None = None,
    seen: int | None = None,
    note: str = "",
) -> Book:
    """Put a book's stock right, and return the book. The row is locked: what is sold meanwhile is
    counted, once.

    Args:
        actor: staff.
        book_id: which.
        by: so many copies came (or, below 0, went).
        to: so many there are. Only if there still are as many as were ``seen``: a level that was
            counted before a sale would sell a copy twice.
        seen: how many there were when ``to`` was counted.
        note: why, in a few words, for the ledger.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such book.
        Invalid: naming ``amount``: less than none would be left, or it is beyond all measure.
        PreconditionFailed: others than were seen.
    """
    require_staff(actor)
    with unit_of_work() as session:
        lock = {"key_share": True}
        book = session.get(Book, book_id, with_for_update=lock, populate_existing=True)
        if book is None:
            raise errors.NotFound(f"There is no book {book_id}.")
        level = book.stock + by if by is not None else to
        if level is None or not 0 <= level <= MOST:
            left = f"There are {book.stock}: none can be taken that is not there."
            raise errors.Invalid({"amount": [left if by is not None and by < 0 else _LIMITS]})
        if by is None and seen is not None and seen != book.stock:
            raise errors.PreconditionFailed(
                f"There were {seen} copies when you looked, and are {book.stock} now. Count again."
            )
        if level == book.stock:
            return book
        return catalog_editing.update_book(actor, book_id, {"stock": level}, stock_note=note)


def _matching(
    query: AnySelect, which: tuple[ColumnElement[bool], ...], page: PageRequest, q: str
) -> Page:
    """Return the books that match, the best first; looked at when it is known which they are."""
    found = search.matches(q)
    if found is None:
        return Page([], None)
    hits = found.hits
    wanted = select(hits.c.book_id)
    if which:
        wanted = wanted.join(Book, Book.id == hits.c.book_id).where(*which)
    order = Order("relevance", hits.c.score, hits.c.book_id, True, paging.parse_int)
    made = paging.statements(query, order, page, planned_anew(wanted), found_by=Book.id)
    return paging.run(db.session(), made, page, found.values)
