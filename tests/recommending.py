"""What tests of recommendations share: books with nothing in common, and who bought them."""

from typing import Any

from bookstore.models import Order, User
from bookstore.services import cart, orders
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS
from tests.factories import make_book


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
