"""Disputes: a buyer's bank takes money back, to begin with or for good.

Stripe's events come in any order and say too little of each other, so all disputes of a payment
are read back, and the newest event counts.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from bookstore import money
from bookstore.gateways.payments import DisputeState
from bookstore.models import Order, Payment
from bookstore.models.payments import OPEN_DISPUTES
from bookstore.services import (
    order_moves,
    payment_standing,
    payments,
    refunding,
    reviewing,
    staff_mail,
)
from bookstore.services.actors import STRIPE
from bookstore.unit_of_work import unit_of_work

# The first of these that a dispute of the payment has is how the payment stands.
_WORST_FIRST = (*OPEN_DISPUTES, "lost", "won", "warning_closed")


def apply(intent_id: str, states: Sequence[DisputeState], at: datetime) -> None:
    """Bring a payment and its order into line with its disputes, and tell staff what has changed.

    Args:
        intent_id: of the payment; one that is not ours changes nothing.
        states: all its disputes, read after the event.
        at: when Stripe made the event: what an older one had us read changes nothing.
    """
    with unit_of_work() as session:
        found = payments.lock(session, intent_id)
        if found is None:
            return
        order, payment = found
        if payment.last_dispute_at is None or payment.last_dispute_at <= at:
            payment.last_dispute_at = at
            _apply(session, order, payment, states)


def _apply(
    session: Session, order: Order, payment: Payment, states: Sequence[DisputeState]
) -> None:
    before = payment.dispute_status
    worst = next((s for word in _WORST_FIRST for s in states if s.status == word), None)
    after = worst.status if worst else None
    lost = sum(state.amount for state in states if state.status == "lost")
    lost = min(lost, payment.amount_received - payment.amount_refunded)
    if (after, lost) == (before, payment.amount_withdrawn) or worst is None:
        return
    payment.dispute_status, payment.amount_withdrawn = after, lost
    session.flush()
    if after in OPEN_DISPUTES:
        if before not in OPEN_DISPUTES:
            _opened(session, order, worst)
        return
    order.payment_status = payment_standing.payment_status(session, order)
    order.version += 1
    shown = money.with_code(worst.amount, worst.currency)
    why = {
        "lost": f"the dispute is lost: the buyer's bank keeps {shown}",
        "won": f"the dispute is won: {shown} are the shop's again",
    }.get(worst.status, f"the bank no longer asks about {shown}")
    order_moves.write_history(session, STRIPE, order, order.status, why, internal=True)
    session.flush()
    order_moves.publish(order)
    staff_mail.tell_of_order(session, "dispute_closed", order, why)
    if order.status == "cancelled":
        # What could not go back while the bank had it.
        refunding.reserve_all(session, order, actor=STRIPE, reason="order cancelled")


def _opened(session: Session, order: Order, dispute: DisputeState) -> None:
    why = f"disputed by the buyer: {dispute.reason}"
    if payment_standing.of(session, order).rest > 0:
        reviewing.park(session, order, why)
        return
    # All of it is back with the buyer: there is nothing to hold, but staff has to answer the bank.
    order_moves.write_history(session, STRIPE, order, order.status, why, internal=True)
    staff_mail.tell_of_order(session, "payment_review", order, why)
