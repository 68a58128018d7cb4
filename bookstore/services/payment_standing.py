"""How an order stands by its money: what came in, what went back, what a bank has taken."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bookstore.models import Order, Payment, Refund
from bookstore.models.payments import OPEN_DISPUTES


@dataclass(frozen=True, slots=True)
class Standing:
    """The money of an order in its own currency, in minor units.

    ``rest`` is what the shop has of what came in: less the refunds that are done, and what banks
    have taken. ``is_foreign``: there is money of another currency that has not gone back.
    ``is_disputed``: a bank has yet to decide.
    """

    received: int
    rest: int
    is_foreign: bool
    is_disputed: bool


def of(session: Session, order: Order) -> Standing:
    """Return how a locked order stands."""
    back = (
        select(func.coalesce(func.sum(Refund.amount), 0))
        .where(Refund.payment_id == Payment.id, Refund.status == "succeeded")
        .scalar_subquery()
    )
    received = rest = 0
    is_foreign = is_disputed = False
    for row in session.execute(
        select(
            Payment.currency,
            Payment.amount_received,
            (Payment.amount_received - Payment.amount_withdrawn - back).label("rest"),
            Payment.dispute_status,
        ).where(Payment.order_id == order.id)
    ):
        is_disputed |= row.dispute_status in OPEN_DISPUTES
        if row.currency == order.currency:
            received, rest = received + row.amount_received, rest + row.rest
        else:
            is_foreign |= row.rest > 0
    return Standing(received, rest, is_foreign, is_disputed)


def payment_status(session: Session, order: Order) -> str:
    """Return the payment status of a locked order that money came in for.

    What a person has to look into stays in review: one that is not moved along yet, or whose money
    does not fit.
    """
    money, total = of(session, order), order.total_amount
    if money.rest <= 0 and not money.is_foreign:
        return "refunded"
    if order.payment_status == "review" and (
        order.status == "pending"
        or money.is_foreign
        or money.is_disputed
        or money.received < total
        or money.rest > total
    ):
        return "review"
    # What was paid twice and given back once leaves the order paid.
    return "partially_refunded" if money.rest < total else "paid"
