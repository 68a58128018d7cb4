"""Orders that do not come from a cart: made for somebody, of copies that are named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.models import Book, Order
from bookstore.models.cart import MAX_LINES, MAX_QUANTITY
from bookstore.services import (
    cart_lines,
    checkout,
    order_making,
    peer_catalog,
    peer_users,
    shipping,
)
from bookstore.services.actors import Acting, require_staff
from bookstore.unit_of_work import unit_of_work


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as those of a cart are read."""

    id: int
    title: str
    isbn: str | None
    price: int
    weight: int | None
    tax_category: str
    quantity: int


def create(
    actor: Acting,
    user_id: int,
    items: Sequence[Mapping[str, int]],
    shipping_address: Mapping[str, Any],
    shipping_method: str = shipping.STANDARD,
) -> Order:
    """Order copies for a user (staff, and other parts of the shop); their cart stays as it is.

    Who the buyer is and what the books are is asked of the parts that know, before anything is
    locked; what then decides is what the transaction sees.

    Args:
        actor: who orders it for them.
        user_id: the buyer.
        items: {book_id, quantity} each.
        shipping_address: name, line1, line2, city, region, postal_code, country.
        shipping_method: code of a method.

    Raises:
        Forbidden: not staff.
        Invalid: no such user or book, too many copies, or the method does not go there.
        OutOfStock: with ``items``; nothing is taken.
        OrderNotPayable: it costs less or more than a card can be charged.
        PartUnavailable: nobody can say now who the buyer is, or what the books are.
    """
    require_staff(actor)
    quantities = _quantities(items)
    _require_buyer(user_id)
    known = {book.id for book in peer_catalog.get_books(list(quantities))}
    missing = sorted(set(quantities) - known)
    if missing:
        raise errors.Invalid({"items": [f"There is no book {book_id}." for book_id in missing]})
    with unit_of_work() as session:
        cart_lines.hold_buyer(session, user_id)
        rows = _lines(session, quantities)
        priced = checkout.price(session, rows, [], shipping_method, shipping_address)
        return order_making.make(session, actor, user_id, rows, priced, shipping_address)


def _quantities(items: Sequence[Mapping[str, int]]) -> dict[int, int]:
    quantities: dict[int, int] = {}
    for item in items:
        quantities[item["book_id"]] = quantities.get(item["book_id"], 0) + item["quantity"]
    if not 0 < len(quantities) <= MAX_LINES:
        raise errors.Invalid({"items": [f"1 to {MAX_LINES} books."]})
    if not all(0 < quantity <= MAX_QUANTITY for quantity in quantities.values()):
        raise errors.Invalid({"items": [f"1 to {MAX_QUANTITY} copies of a book."]})
    return quantities


def _require_buyer(user_id: int) -> None:
    try:
        is_active = peer_users.get_user(user_id).is_active
    except errors.NotFound:
        is_active = False
    if not is_active:
        raise errors.Invalid({"user_id": [f"There is no user {user_id}."]})


def _lines(session: Session, quantities: Mapping[int, int]) -> list[_Line]:
    columns = (Book.id, Book.title, Book.isbn, Book.price, Book.weight, Book.tax_category)
    found = session.execute(select(*columns).where(Book.id.in_(quantities)).order_by(Book.id))
    # One that is gone since is not a line; taking the rest would be another order.
    lines = [_Line(*row, quantities[row.id]) for row in found]
    if len(lines) < len(quantities):
        raise errors.Invalid({"items": ["A book is no longer there."]})
    return lines
