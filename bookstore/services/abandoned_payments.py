"""Intents that no order needs any more: marked when it is cancelled, cancelled at Stripe later."""

import logging

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.gateways.payments import PaymentError
from bookstore.models import Order, Payment
from bookstore.services import payments
from bookstore.unit_of_work import after_commit, new_snapshot, unit_of_work

log = logging.getLogger(__name__)

BATCH = 100


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

    Each stays marked until Stripe has said what became of it. One that was paid just before is left
    to its event, which reopens the order or gives the money back.
    """
    rows = db.session.execute(
        select(Payment.id, Payment.order_id, Payment.attempt)
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
            key = f"order:{row.order_id}:drop:{row.attempt}"
            state = payments.require_provider().cancel_intent(intent_id, key=key)
        except PaymentError as error:
            log.warning("intent not cancelled", extra={"payment_id": row.id, "why": str(error)})
            if error.final:
                continue
            break
        with unit_of_work() as session:
            payment = session.get_one(Payment, row.id, with_for_update=True, populate_existing=True)
            payment.is_unwanted = False
            if state.status == "canceled" and payment.status != "succeeded":
                payment.status, payment.is_live = "canceled", False
        done += 1
    return done


def _wake() -> None:
    queue.enqueue("bookstore.jobs.drop_payments")
