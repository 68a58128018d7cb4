"""Orders whose money does not fit: parked for a person, and staff are told."""

import logging

from sqlalchemy.orm import Session

from bookstore import clock
from bookstore.models import Order
from bookstore.services import order_moves, payment_standing, staff_mail
from bookstore.services.actors import STRIPE

log = logging.getLogger(__name__)


def park(session: Session, order: Order, why: str) -> None:
    """Put a locked order into review: nothing but a person moves its money from here on."""
    order.payment_status = "review"
    order.version += 1
    note = f"to be reviewed: {why}"
    order_moves.write_history(session, STRIPE, order, order.status, note, internal=True)
    session.flush()
    order_moves.publish(order)
    log.error("order to be reviewed", extra={"order": order.number, "why": why})
    staff_mail.tell_of_order(session, "payment_review", order, why)


def accept(session: Session, order: Order) -> None:
    """Let a locked order out of review if what came in and was not given back covers it."""
    if order.payment_status != "review":
        return
    money = payment_standing.of(session, order)
    if money.is_foreign or money.rest < order.total_amount:
        return
    order.payment_status = "paid"
    if order.paid_at is None:
        order.paid_at = clock.now()
        order.version += 1
        session.flush()
        order_moves.record_event(order, "order.paid")
