"""Intents that no order needs any more: marked when it is cancelled, cancelled at Stripe later."""

import logging

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.gateways.payments import PaymentError, Payments
from bookstore.models import Order, Payment
from bookstore.services import payment_events, payments
from bookstore.unit_of_work import after_commit, new_snapshot, unit_of_work

log = logging.getLogger(__name__)

BATCH = 100
JOB = "bookstore.jobs.drop_payments"


def let_go(session: Session, order: Order) -> None:
    """Mark the open intent of a locked, cancelled order to be cancelled at Stripe."""
    marked = session.execute(
        update(Payment)
        .where(Payment.order_id == order.id, Payment.status.not_in(("succeeded", "canceled")))
        .values(is_unwanted=True)
        .returning(Payment.id)
        .execution_options(synchronize_session=False)
    ).first()
    if marked is not None:
        after_commit(_wake)


def drop() -> int:
    """Cancel marked intents at Stripe; return how many are done.

    Each stays marked until Stripe has said what became of it, and keeps back no other: only when
    Stripe answers nobody is the rest left for later. One that was paid just before reopens the
    order, or the money goes back.

    Raises:
        PaymentsUnavailable: nobody takes payments.
    """
    queue.begun(JOB)
    done, last = 0, 0
    while True:
        new_snapshot()
        rows = db.session.execute(
            select(Payment.id, Payment.attempt, Order.number)
            .join(Order, Order.id == Payment.order_id)
            .where(Payment.is_unwanted, Payment.id > last)
            .order_by(Payment.id)
            .limit(BATCH)
        ).all()
        new_snapshot()
        if not rows:
            return done
        provider = payments.require_provider()
        for row in rows:
            try:
                done += _drop(provider, row.id, f"order:{row.number}:drop:{row.attempt}")
            except PaymentError as error:
                log.warning("intent not cancelled", extra={"payment_id": row.id, "why": str(error)})
                if error.is_general:
                    return done
            except Exception:
                log.exception("intent not cancelled", extra={"payment_id": row.id})
        last = rows[-1].id


def wake_if_any() -> None:
    """Queue the cancelling of marked intents if there are any: what was queued may be lost."""
    new_snapshot()
    if db.session.scalar(select(Payment.id).where(Payment.is_unwanted).limit(1)) is not None:
        _wake()


def _drop(provider: Payments, payment_id: int, key: str) -> bool:
    """Cancel the intent of a marked payment, and return whether Stripe has one.

    Raises:
        PaymentError: it cannot be cancelled now.
    """
    state = None
    try:
        # A new one may have been made at Stripe just before a crash: asked for again with the same
        # key, it is found.
        intent_id = payments.make_sure(payment_id)
        state = provider.cancel_intent(intent_id, key=key)
    except PaymentError as error:
        if not error.final:
            raise
        # Stripe has no such thing: asking again would change nothing. Who compares the two sides
        # (reconciliation, the doctor) tells of it.
        log.warning("no intent to cancel", extra={"payment_id": payment_id, "why": str(error)})
    with unit_of_work() as session:
        if state is not None:
            payment_events.settle(session, state)
        session.execute(
            update(Payment)
            .where(Payment.id == payment_id)
            .values(is_unwanted=False)
            .execution_options(synchronize_session=False)
        )
    return state is not None


def _wake() -> None:
    queue.enqueue_once(JOB)
