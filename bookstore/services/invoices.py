"""Invoices: what an order was, with who sold it, what was paid and what was given back."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from bookstore.extensions import db, settings
from bookstore.models import Order, Payment, Refund
from bookstore.services import orders, refunds
from bookstore.services.actors import Acting


@dataclass(frozen=True, slots=True)
class Seller:
    """Who sells, as the settings say."""

    name: str
    lines: list[str]
    tax_id: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An order and the refunds of it that did not fail, oldest first; amounts in minor units.

    ``paid`` is what came in for it, ``refunded`` what went back or is about to.
    """

    seller: Seller
    order: Order
    refunds: list[Refund]
    paid: int
    refunded: int

    @property
    def currency(self) -> str:
        """The order's."""
        return self.order.currency

    @property
    def date(self) -> datetime:
        """When it was paid; while it is not, when it was placed."""
        return self.order.paid_at or self.order.created_at

    @property
    def due(self) -> int:
        """What is still to be paid; nothing of an order that is cancelled."""
        is_open = self.order.status != "cancelled" and self.order.paid_at is None
        return max(0, self.order.total_amount - self.paid) if is_open else 0

    @property
    def kept(self) -> int:
        """What the shop keeps."""
        return self.paid - self.refunded


def get(actor: Acting, order_id: int) -> Invoice:
    """Return the invoice of an order of the actor's (staff: any).

    Raises:
        NotFound: there is none, or it is another's.
    """
    order = orders.get(actor, order_id)
    given_back = [one for one in refunds.list_refunds(actor, order_id) if one.status != "failed"]
    # In another currency came only what a person is looking at.
    came_in = select(func.coalesce(func.sum(Payment.amount_received), 0)).where(
        Payment.order_id == order_id, Payment.currency == order.currency
    )
    known = settings()
    return Invoice(
        Seller(known.seller_name, known.seller_lines, known.seller_tax_id, known.seller_email),
        order,
        given_back,
        int(db.session.scalar(came_in) or 0),
        sum(one.amount for one in given_back if one.currency == order.currency),
    )
