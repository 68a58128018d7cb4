"""What tests of recommendations share: books with nothing in common, and who bought them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, select

from bookstore.extensions import db
from bookstore.models import BookNeighbour, Order, RecommendationFit, User
from bookstore.services import cart, orders, recommendations
from bookstore.services.actors import GUEST
from bookstore.services.recommending import fitting
from bookstore.unit_of_work import new_snapshot, unit_of_work
from tests.clients import ADDRESS
from tests.factories import make_book, make_user

METHODS: tuple[fitting.Method, ...] = ("ease", "counts")


def buy(user: User, *book_ids: int, payment_status: str = "paid") -> Order:
    """Return an order of these books, and what is in the cart, that counts as paid, or so."""
    for book_id in book_ids:
        cart.add_item(user, book_id, 1)
    order = orders.place(user, ADDRESS)
    with unit_of_work() as session:
        session.get_one(Order, order.id).payment_status = payment_status
    return order


def make_books(count: int, **fields: Any) -> list[int]:
    """Return the ids of new books, each by an author of its own."""
    return [make_book(**fields).id for _ in range(count)]


def make_shelf() -> list[int]:
    """Twelve books; three readers bought 0 with 1, two 0 with 2, three 3 with 4."""
    books = make_books(12)
    for pair in [(0, 1)] * 3 + [(0, 2)] * 2 + [(3, 4)] * 3:
        buy(make_user(), *(books[place] for place in pair))
    return books


def shown(book_id: int, actor: User | None = None) -> list[int]:
    """Return the ids of what is recommended beside a book."""
    new_snapshot()
    return [book["id"] for book in recommendations.for_book(actor or GUEST, book_id)]


def top(book_id: int) -> int | None:
    """Return the first neighbour of a book in the current fit."""
    new_snapshot()
    near = BookNeighbour
    query = (
        select(near.neighbour_id)
        .join(RecommendationFit)
        .where(RecommendationFit.state == "current", near.book_id == book_id, near.rank == 1)
    )
    return db.session.scalar(query)


@contextmanager
def at(words: str, act: Callable[[], None]) -> Iterator[list[str]]:
    """Have something happen before each statement with these words; yield those there were."""
    found: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if words in statement:
            found.append(statement)
            act()

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
