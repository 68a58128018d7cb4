"""An order with all that staff wants to see beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import (
    Event,
    Order,
    OrderEvent,
    Payment,
    Refund,
    User,
    WebhookDelivery,
    WebhookEndpoint,
)
from bookstore.services import orders
from bookstore.services.actors import Acting, require_staff

Row = TypeVar("Row", OrderEvent, Payment, Refund)


@dataclass(frozen=True, slots=True)
class Sheet:
    """An order, its buyer, and what happened to it; all lists have the oldest first.

    ``deliveries`` are rows of (id, event_id, status, attempts, url), of the events to webhooks.
    ``moves``: statuses that it may be moved to now.
    """

    order: Order
    buyer: User
    history: Sequence[OrderEvent]
    payments: Sequence[Payment]
    refunds: Sequence[Refund]
    events: Sequence[Event]
    deliveries: Sequence[Any]
    moves: Sequence[str]

    @property
    def refundable(self) -> int:
        """What can be given back at once: by one payment, in its currency's minor units."""
        return max((payment.refundable for payment in self.payments), default=0)


def get(actor: Acting, order_id: int) -> Sheet:
    """Return an order's sheet (staff); seven statements, however much there is in it.

    Raises:
        NotFound: there is no such order.
    """
    require_staff(actor)
    session = db.session()
    order = session.scalar(
        select(Order)
        .options(selectinload(Order.items), joinedload(Order.user))
        .where(Order.id == order_id)
    )
    if order is None:
        raise errors.NotFound(f"There is no order {order_id}.")

    def rows(table: type[Row]) -> Sequence[Row]:
        kind: Any = table
        return session.scalars(
            select(kind).where(kind.order_id == order_id).order_by(kind.id)
        ).all()

    sent = (
        select(
            WebhookDelivery.id,
            WebhookDelivery.event_id,
            WebhookDelivery.status,
            WebhookDelivery.attempts,
            WebhookEndpoint.url,
        )
        .join(Event, Event.id == WebhookDelivery.event_id)
        .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
        .where(Event.aggregate == "order", Event.aggregate_id == order_id)
    )
    told = select(Event).where(Event.aggregate == "order", Event.aggregate_id == order_id)
    return Sheet(
        order,
        order.user,
        rows(OrderEvent),
        rows(Payment),
        rows(Refund),
        session.scalars(told.order_by(Event.id)).all(),
        session.execute(sent.order_by(WebhookDelivery.id)).all(),
        orders.moves(order),
    )
