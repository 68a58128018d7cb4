"""Live tracking: the small state of an order that trackers get after each change.

Also what they are sent first, and what they are sent when they may have missed something.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import func, select

from bookstore import errors, money
from bookstore.extensions import db
from bookstore.gateways import news
from bookstore.gateways.pubsub import Update
from bookstore.models import LoginSession, Notification, Order, User
from bookstore.services import api_key_use, reading
from bookstore.services.actors import Acting, require_user
from bookstore.services.event_words import notification_message, rfc3339
from bookstore.services.sql import AnyRow
from bookstore.unit_of_work import collect_after_commit


def publish_order(order: Order) -> None:
    """Tell who follows this order how it stands, once the present unit of work has committed."""
    update = Update("order", order.id, order.version, update_message(order))
    # Before they are told: what they ask for then has to be there.
    reading.concerns(order.user_id)
    collect_after_commit(news.tell, update)


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


SNAPSHOT_NOTIFICATIONS = 50
PAGE = 1000


def order_snapshot(actor: Acting, order_id: int) -> tuple[int, bytes]:
    """Return (version, the ``order_snapshot`` message) of an order.

    Raises:
        NotFound: there is none, or it is another's.
    """
    query = select(Order).where(Order.id == order_id)
    if not actor.is_staff:
        query = query.where(Order.user_id == require_user(actor))
    order = db.session.scalar(query)
    if order is None:
        raise errors.NotFound(f"There is no order {order_id}.")
    shown = {
        "id": order.id,
        "number": order.number,
        "status": order.status,
        "payment_status": order.payment_status,
        "version": order.version,
        "tracking_number": order.tracking_number,
        "total_amount": money.to_text(order.total_amount, order.currency),
        "currency": order.currency,
        "created_at": rfc3339(order.created_at),
        "updated_at": rfc3339(order.updated_at),
    }
    return order.version, orjson.dumps({"type": "order_snapshot", "order": shown})


def notifications_snapshot(actor: Acting) -> tuple[list[int], bytes]:
    """Return (ids, the ``notifications_snapshot`` message): the newest unread, and how many."""
    unread = (Notification.user_id == require_user(actor)) & Notification.read_at.is_(None)
    newest = select(Notification).where(unread).order_by(Notification.id.desc())
    rows = db.session.scalars(newest.limit(SNAPSHOT_NOTIFICATIONS)).all()
    count = len(rows)
    if count == SNAPSHOT_NOTIFICATIONS:
        count = db.session.scalar(select(func.count()).where(unread)) or 0
    shown: list[dict[str, Any]] = [
        {
            "id": row.id,
            "title": row.title,
            "message": row.message,
            "data": row.data,
            "at": rfc3339(row.created_at),
        }
        for row in rows
    ]
    message = {"type": "notifications_snapshot", "notifications": shown, "unread": count}
    return [row.id for row in rows], orjson.dumps(message)


def notifications_since(user_ids: list[int], since: datetime) -> Iterator[list[Update]]:
    """Yield all unread notifications of these users from ``since`` on, oldest first, by pages."""
    query = (
        select(Notification)
        .where(
            Notification.user_id.in_(user_ids),
            Notification.created_at >= since,
            Notification.read_at.is_(None),
        )
        .order_by(Notification.id)
        .limit(PAGE)
    )
    last = 0
    while True:
        rows = db.session.scalars(query.where(Notification.id > last)).all()
        if rows:
            yield [
                Update(
                    "user",
                    row.user_id,
                    row.id,
                    notification_message(row.id, row.title, row.message, row.data, row.created_at),
                )
                for row in rows
            ]
        if len(rows) < PAGE:
            return
        last = rows[-1].id


def logins(wanted: list[str]) -> dict[str, bool]:
    """Return which of these (``Actor.login``) still stand, each with whether it is staff's."""
    keys = [login for login in wanted if login.startswith("key:")]
    found = api_key_use.standing(keys) if keys else {}
    session_ids = [login for login in wanted if not login.startswith("key:")]
    rows = db.session.execute(
        select(LoginSession.id, User.is_staff)
        .join(User, User.id == LoginSession.user_id)
        .where(
            LoginSession.id.in_(session_ids),
            LoginSession.revoked_at.is_(None),
            User.is_active,
        )
    )
    return found | {row.id: row.is_staff for row in rows}
