"""The mail that confirms an order: written with the order, sent by the drain loop."""

from sqlalchemy import insert, select, update

from bookstore import clock, errors
from bookstore.gateways import queue
from bookstore.models import Email, Event, Order, Preference
from bookstore.models.outbox import FAILED, PENDING
from bookstore.unit_of_work import after_commit, unit_of_work

TEMPLATE, EVENT = "order_confirmation", "order.created"


def send(order_id: int) -> bool:
    """Have the confirmation of an order sent; return False when there is nothing to do.

    It is sent by itself. This mends one that was given up, or that an order from before there were
    mails never had. Safe to call twice.

    Raises:
        NotFound: there is no such order.
    """
    with unit_of_work() as session:
        order = session.get(Order, order_id, with_for_update=True, populate_existing=True)
        if order is None:
            raise errors.NotFound(f"There is no order {order_id}.")
        event_id = session.scalar(
            select(Event.id).where(
                Event.aggregate == "order", Event.aggregate_id == order_id, Event.type == EVENT
            )
        )
        unwanted = session.get(Preference, (order.user_id, "email", EVENT))
        if event_id is None or (unwanted is not None and not unwanted.enabled):
            return False
        which = (Email.event_id == event_id, Email.template == TEMPLATE)
        now = clock.now()
        due = {"status": PENDING, "attempts": 0, "next_attempt_at": now, "touched_at": now}
        status = session.scalar(select(Email.status).where(*which))
        if status is None:
            row = {"user_id": order.user_id, "template": TEMPLATE, "event_id": event_id, "data": {}}
            session.execute(insert(Email), {**row, **due, "created_at": now})
        elif status == FAILED:
            session.execute(update(Email).where(*which).values(**due))
        elif status != PENDING:
            return False
        after_commit(queue.wake)
        return True
