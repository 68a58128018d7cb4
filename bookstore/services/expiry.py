"""Orders that nobody paid in time: cancelled, and their copies go back on sale."""

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import Order
from bookstore.services import cancellations, order_moves
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import new_snapshot, unit_of_work

log = logging.getLogger(__name__)

NOTE = "not paid in time"
BATCH = 500
# Money that is on its way, or that a person looks into, is waited for. What came in and was not
# enough has gone back.
_UNPAID = ("unpaid", "failed", "refunded")


def expire_orders() -> int:
    """Cancel pending orders whose time to be paid has run out; return how many.

    Each in a unit of work of its own, so that one that cannot be cancelled keeps back no other.
    Their intents are cancelled at Stripe afterwards; what is paid all the same reopens the order or
    goes back. Safe at any moment and by several at once.
    """
    expired, last = 0, 0
    while True:
        new_snapshot()
        due = (
            select(Order.id)
            .where(
                Order.status == "pending",
                Order.payment_status.in_(_UNPAID),
                Order.expires_at <= clock.now(),
                Order.id > last,
            )
            .order_by(Order.id)
            .limit(BATCH)
        )
        ids = list(db.session.scalars(due))
        new_snapshot()
        for order_id in ids:
            try:
                with unit_of_work() as session:
                    expired += _expire(session, order_id)
            except Exception:
                log.exception("order not expired", extra={"order_id": order_id})
        if len(ids) < BATCH:
            return expired
        last = ids[-1]


def _expire(session: Session, order_id: int) -> bool:
    """Cancel an order, unless something has come of it since it was looked for."""
    order = order_moves.lock(session, SYSTEM, order_id)
    if (
        order.status != "pending"
        or order.payment_status not in _UNPAID
        or order.expires_at is None
        or order.expires_at > clock.now()
    ):
        return False
    cancellations.cancel(session, SYSTEM, order, NOTE)
    # Behind it: whoever cancels wants it gone, but time alone can be made up for.
    order.has_expired = True
    session.flush()
    return True
