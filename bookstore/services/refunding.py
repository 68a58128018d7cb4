"""Giving money back: the row reserves its amount, Stripe is asked afterwards by its id.

However many are asked for at once, refunds of a payment never exceed what came in: one conditional
UPDATE adds each to what is taken already. A row that was not sent, or whose answer got lost, is
sent again with the same key by whoever finds it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from bookstore import clock, errors, money
from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.gateways.payments import PaymentError, Payments, RefundState
from bookstore.models import Order, Payment, Refund
from bookstore.services import order_moves, payment_standing, payments, staff_mail
from bookstore.services.actors import STRIPE, Acting
from bookstore.unit_of_work import after_commit, new_snapshot, unit_of_work

log = logging.getLogger(__name__)

# Longer than a request to Stripe with its retries may take: nobody else sends it meanwhile.
LEASE = timedelta(seconds=90)
LONGEST_WAIT = timedelta(hours=1)
JOB = "bookstore.jobs.send_refunds"
_FAILED = ("failed", "canceled")


def reserve(
    session: Session, order: Order, payment: Payment, amount: int, *, actor: Acting, reason: str
) -> Refund:
    """Write a refund of a locked order's payment, to be sent once this is committed.

    Raises:
        RefundExceedsPayment: more than what is left of the payment.
    """
    taken = session.execute(
        update(Payment)
        .where(
            Payment.id == payment.id,
            Payment.amount_refunded + amount <= Payment.amount_received - Payment.amount_withdrawn,
        )
        .values(amount_refunded=Payment.amount_refunded + amount)
        .returning(Payment.id)
        .execution_options(synchronize_session=False)
    ).first()
    if taken is None:
        raise errors.RefundExceedsPayment
    refund = Refund(
        payment_id=payment.id,
        order_id=order.id,
        amount=amount,
        currency=payment.currency,
        reason=reason,
        actor=actor.label,
    )
    session.add(refund)
    session.flush()
    session.refresh(payment)
    after_commit(_wake)
    return refund


def reserve_all(session: Session, order: Order, *, actor: Acting, reason: str) -> list[Refund]:
    """Write refunds of whatever may go back of a locked order's payments."""
    return [
        reserve(session, order, payment, rest, actor=actor, reason=reason)
        for payment in paid(session, order.id)
        if (rest := payment.refundable) > 0
    ]


def paid(session: Session, order_id: int) -> list[Payment]:
    """Lock and return the payments of a locked order that money came in by, oldest first."""
    rows = select(Payment).where(Payment.order_id == order_id, Payment.amount_received > 0)
    return list(session.scalars(rows.order_by(Payment.id).with_for_update()))


def send_due() -> int:
    """Send refunds that are due; return how many Stripe has answered. Safe to run twice at once."""
    queue.begun(JOB)
    sent = 0
    while (claimed := _claim()) is not None:
        try:
            apply(claimed.intent_id, [_send(payments.require_provider(), claimed)])
        except PaymentError as error:
            _put_off(claimed.refund_id, error)
        else:
            sent += 1
    return sent


def wake_if_due() -> None:
    """Queue the sending of refunds if one waits: what was queued for it may be lost."""
    new_snapshot()
    due = select(Refund.id).where(Refund.next_attempt_at <= clock.now(), Refund.status == "pending")
    if db.session.scalar(due.limit(1)) is not None:
        _wake()


def apply(intent_id: str, states: Sequence[RefundState]) -> None:
    """Bring the rows of a payment into line with what Stripe says of its refunds.

    Those that somebody made at Stripe get a row. What has changed is told.
    """
    with unit_of_work() as session:
        found = payments.lock(session, intent_id)
        if found is None:
            return
        order, payment = found
        for state in states:
            _apply_one(session, order, payment, state)


# -- inside ------------------------------------------------------------------------------------
def _wake() -> None:
    queue.enqueue_once(JOB)


@dataclass(frozen=True, slots=True)
class _Claimed:
    refund_id: int
    intent_id: str
    amount: int
    currency: str
    again: bool


def _send(provider: Payments, claimed: _Claimed) -> RefundState:
    """Have Stripe make a refund, and return it as it is there."""
    if claimed.again:
        # Stripe forgets keys after a day. One that it made before is not made twice for that.
        for state in provider.list_refunds(claimed.intent_id):
            if state.metadata.get("refund_id") == str(claimed.refund_id):
                return state
    return provider.create_refund(
        claimed.intent_id,
        amount=claimed.amount,
        currency=claimed.currency,
        refund_id=claimed.refund_id,
        # By the intent too, which no other database has: ids start anew in each.
        key=f"{claimed.intent_id}:refund:{claimed.refund_id}",
    )


def _claim() -> _Claimed | None:
    """Lease the next due refund."""
    now = clock.now()
    with unit_of_work() as session:
        due = session.execute(
            select(Refund.id, Refund.amount, Refund.currency, Refund.attempts, Payment.intent_id)
            .join(Payment, Payment.id == Refund.payment_id)
            .where(Refund.next_attempt_at <= now, Refund.status == "pending")
            .order_by(Refund.next_attempt_at)
            .limit(1)
            .with_for_update(of=Refund, skip_locked=True)
        ).first()
        if due is None:
            return None
        session.execute(
            update(Refund)
            .where(Refund.id == due.id)
            .values(next_attempt_at=now + LEASE, attempts=Refund.attempts + 1)
            .execution_options(synchronize_session=False)
        )
        return _Claimed(due.id, due.intent_id, due.amount, due.currency, due.attempts > 0)


def _put_off(refund_id: int, error: PaymentError) -> None:
    """Write down that Stripe did not do it: for now, or (what it refuses for good) at all."""
    with unit_of_work() as session:
        refund = session.get_one(Refund, refund_id, populate_existing=True)
        payment = session.get_one(Payment, refund.payment_id)
        order = session.get_one(Order, refund.order_id, with_for_update=True)
        session.refresh(refund, with_for_update=True)
        if refund.status != "pending" or refund.refund_id is not None:
            return
        # The shop's balance at Stripe grows with the next payment.
        if error.final and error.code != "balance_insufficient":
            _fail(session, order, payment, refund, str(error))
            return
        # The claim has counted this attempt: 5 s after the first, then 10 s, 20 s, …
        wait = min(timedelta(seconds=5 * 2 ** min(refund.attempts - 1, 12)), LONGEST_WAIT)
        refund.next_attempt_at = clock.now() + wait
    log.warning("refund put off", extra={"refund_id": refund_id, "why": str(error)})


def _apply_one(session: Session, order: Order, payment: Payment, state: RefundState) -> None:
    ours = state.metadata.get("refund_id", "")
    which = Refund.refund_id == state.id
    if ours.isdecimal() and len(ours) < 19:
        which = or_(which, (Refund.id == int(ours)) & (Refund.refund_id.is_(None)))
    refund = session.scalar(
        select(Refund).where(Refund.payment_id == payment.id, which).with_for_update()
    )
    if refund is None:
        if state.status in _FAILED:
            return
        refund = reserve(session, order, payment, state.amount, actor=STRIPE, reason="at Stripe")
    refund.refund_id, refund.next_attempt_at = state.id, None
    if state.status == "succeeded" and refund.status == "pending":
        refund.status = "succeeded"
        session.flush()
        order.payment_status = payment_standing.payment_status(session, order)
        order.version += 1
        session.flush()
        shown = money.to_text(refund.amount, refund.currency)
        order_moves.record_event(order, "order.refunded", refunded_amount=shown)
    elif state.status in _FAILED and refund.status != "failed":
        _fail(session, order, payment, refund, state.failure or state.status)
    session.flush()


def _fail(session: Session, order: Order, payment: Payment, refund: Refund, why: str) -> None:
    """Let go of what a refund had reserved: its money is still with Stripe."""
    was_done = refund.status == "succeeded"
    refund.status, refund.failure, refund.next_attempt_at = "failed", why, None
    session.execute(
        update(Payment)
        .where(Payment.id == payment.id)
        .values(amount_refunded=Payment.amount_refunded - refund.amount)
        .execution_options(synchronize_session=False)
    )
    session.flush()
    log.error("refund failed", extra={"refund_id": refund.id, "order": order.number, "why": why})
    shown = money.with_code(refund.amount, refund.currency)
    note = f"refund of {shown} failed: {why}"
    order_moves.write_history(session, STRIPE, order, order.status, note, internal=True)
    # Nobody else notices: the money is still here, and the buyer may have been told otherwise.
    staff_mail.tell_of_order(session, "refund_failed", order, why, amount=shown, told=was_done)
    if was_done:
        order.payment_status = payment_standing.payment_status(session, order)
        order.version += 1
        session.flush()
        order_moves.publish(order)
