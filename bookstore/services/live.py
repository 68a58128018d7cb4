"""Live tracking: the small state of an order that trackers get after each change."""

from functools import partial

import orjson
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.gateways import pubsub
from bookstore.gateways.pubsub import Update
from bookstore.models import Order
from bookstore.services.events import rfc3339
from bookstore.services.sql import AnyRow
from bookstore.unit_of_work import after_commit


def publish_order(order: Order) -> None:
    """Tell who follows this order how it stands, once the present unit of work has committed."""
    update = Update("order", order.id, order.version, update_message(order))
    after_commit(partial(pubsub.publish, [update]))


def update_message(order: "Order | AnyRow") -> bytes:
    """Return the ``order_update`` message of an order as it stands."""
    return orjson.dumps(
        {
            "type": "order_update",
            "update": {
                "order_id": order.id,
                "status": order.status,
                "payment_status": order.payment_status,
                "version": order.version,
                "tracking_number": order.tracking_number,
                "at": rfc3339(order.updated_at),
            },
        }
    )


def states(order_ids: list[int]) -> list[Update]:
    """Return the present state of these orders, for those who may have missed a change."""
    rows = db.session.execute(
        select(
            Order.id,
            Order.status,
            Order.payment_status,
            Order.version,
            Order.tracking_number,
            Order.updated_at,
        ).where(Order.id.in_(order_ids))
    )
    return [Update("order", row.id, row.version, update_message(row)) for row in rows]
