"""What the other parts of the shop ask the catalog part: here, or over HTTP where it is.

Whoever asks cannot tell which, but for the time it takes, and for ``PartUnavailable``.
"""

from collections.abc import Sequence

from sqlalchemy import select

from bookstore.extensions import db, settings
from bookstore.gateways import peers
from bookstore.gateways.peer_values import PeerBook
from bookstore.models import Book
from bookstore.models.catalog import public_status


def get_books(book_ids: Sequence[int]) -> list[PeerBook]:
    """Return what books are called and cost now, by id; those that there are not are left out.

    Raises:
        PartUnavailable: the catalog part does not answer.
    """
    remote = peers.catalog()
    return read_books(book_ids) if remote is None else remote.get_books(book_ids)


def read_books(book_ids: Sequence[int]) -> list[PeerBook]:
    """Return what books are called and cost, as the database has them."""
    columns = (Book.id, Book.title, Book.isbn, Book.price, Book.status, Book.stock)
    rows = db.session.execute(select(*columns).where(Book.id.in_(book_ids)).order_by(Book.id))
    currency = settings().currency
    return [
        PeerBook(
            row.id, row.title, row.isbn, row.price, currency, public_status(row.status, row.stock)
        )
        for row in rows
    ]
