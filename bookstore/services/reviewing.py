"""Orders whose money does not fit: parked for a person, and staff are told."""

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore import clock
from bookstore.gateways import queue
from bookstore.models import Email, Order, User
from bookstore.services import order_moves, refunding
from bookstore.services.actors import STRIPE
from bookstore.unit_of_work import after_commit

log = logging.getLogger(__name__)


def park(session: Session, order: Order, why: str) -> None:
    """Put a locked order into review: nothing but a person moves its money from here on."""
    order.payment_status = "review"
    order.version += 1
    order_moves.write_history(session, STRIPE, order, order.status, f"to be reviewed: {why}")
    session.flush()
    order_moves.publish(order)
    log.error("order to be reviewed", extra={"order": order.number, "why": why})
    about = {"order_id": order.id, "number": order.number, "status": order.status, "why": why}
    tell_staff(session, "payment_review", about)


def accept(session: Session, order: Order) -> None:
    """Let a locked order out of review if what came in and was not given back covers it."""
    if order.payment_status != "review" or refunding.held(session, order.id) < order.total_amount:
        return
    order.payment_status = "paid"
    if order.paid_at is None:
        order.paid_at = clock.now()
        order.version += 1
        session.flush()
        order_moves.record_event(order, "order.paid")


def tell_staff(session: Session, template: str, data: dict[str, object]) -> None:
    """Write a mail to every active member of staff, to leave with this transaction."""
    staff = session.scalars(select(User.id).where(User.is_staff, User.is_active)).all()
    session.add_all(Email(user_id=user_id, template=template, data=data) for user_id in staff)
    if staff:
        after_commit(queue.wake)
