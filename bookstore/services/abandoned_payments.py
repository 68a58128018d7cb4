"""Intents that no order needs any more: marked when it is cancelled, cancelled at Stripe later."""

import logging

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.gateways.payments import PaymentError
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

    Each stays marked until Stripe has said what became of it. One that was paid just before reopens
    the order, or the money goes back.
    """
    queue.begun(JOB)
    rows = db.session.execute(
        select(Payment.id, Payment.attempt, Order.number)
        .join(Order, Order.id == Payment.order_id)
        .where(Payment.is_unwanted)
        .order_by(Payment.id)
        .limit(BATCH)
    ).all()
    new_snapshot()
    done = 0
    for row in rows:
        try:
            # A new one may have been made at Stripe just before a crash: asked for again with the
            # same key, it is found.
            intent_id = payments.make_sure(row.id)
            key = f"order:{row.number}:drop:{row.attempt}"
            state = payments.require_provider().cancel_intent(intent_id, key=key)
        except PaymentError as error:
            log.warning("intent not cancelled", extra={"payment_id": row.id, "why": str(error)})
            if not error.final:
                break
            # Stripe has no such thing: asking again would change nothing. Who compares the two
            # sides (reconciliation, the doctor) tells of it.
            state = None
        with unit_of_work() as session:
            if state is not None:
                payment_events.settle(session, state)
            session.execute(
                update(Payment)
                .where(Payment.id == row.id)
                .values(is_unwanted=False)
                .execution_options(synchronize_session=False)
            )
        done += state is not None
    return done


def wake_if_any() -> None:
    """Queue the cancelling of marked intents if there are any: what was queued may be lost."""
    new_snapshot()
    if db.session.scalar(select(Payment.id).where(Payment.is_unwanted).limit(1)) is not None:
        _wake()


def _wake() -> None:
    queue.enqueue_once(JOB)
