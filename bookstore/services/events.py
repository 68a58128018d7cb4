"""What happened, written in the transaction in which it did, and who is to be told.

``record`` writes one row with the bytes that everybody gets, and one row for each who gets
them: webhook deliveries, mails, push messages, notifications in the app. All are there when
the business rows are, and only then. Sending starts after the commit; losing the start loses
nothing, since a sweep finds what is due.
"""

import secrets
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from bookstore import clock, traces
from bookstore.extensions import db
from bookstore.gateways import news
from bookstore.gateways.pubsub import Update
from bookstore.models import (
    Device,
    Email,
    Event,
    Notification,
    Preference,
    PushMessage,
    User,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSubscription,
)
from bookstore.models.outbox import PENDING
from bookstore.prepared import Prepared
from bookstore.services.event_types import TYPES, EventType
from bookstore.services.event_words import envelope, notice, notification_message
from bookstore.unit_of_work import collect_after_commit, execute, unit_of_work

# Locked against being deleted meanwhile: a key that points nowhere would undo the order. What is
# being deleted is passed over, or the order would wait for it; to be changed is no hindrance.
NOT_BEING_DELETED: dict[str, Any] = {"read": True, "key_share": True, "skip_locked": True}


def record(
    event_type: str,
    data: dict[str, Any],
    *,
    aggregate_id: int,
    user_id: int | None = None,
    sequence: int | None = None,
    only_endpoint: int | None = None,
) -> str:
    """Record that something happened; call it inside the unit of work in which it does.

    Args:
        event_type: one of ``event_types.TYPES``.
        data: the event's own part, JSON-ready, as the type's schema has it.
        aggregate_id: what it happened to. Its row must be locked (or new), so that the events
            of one thing are numbered in the order in which they happen.
        user_id: whom it concerns; they get the type's mail, push message and notification,
            unless they chose not to.
        sequence: the number of this event among those of the thing, if the caller knows it (an
            order's version is it); else it is looked up.
        only_endpoint: tell this webhook endpoint alone, whatever it subscribes to.

    Returns:
        The event's public id: ``webhook-id`` of every delivery of it.
    """
    kind, now = TYPES[event_type], clock.now()
    with unit_of_work() as session:
        if sequence is None:
            sequence = _next_sequence(session, kind.aggregate, aggregate_id)
        public_id = f"evt_{secrets.token_hex(16)}"
        values = {
            "public_id": public_id,
            "type": event_type,
            "aggregate": kind.aggregate,
            "aggregate_id": aggregate_id,
            "sequence": sequence,
            "user_id": user_id,
            "body": envelope(public_id, kind, sequence, now, data),
            "traceparent": traces.traceparent(),
            "created_at": now,
        }
        event_id = execute(
            session, _recording(session.get_bind().dialect.name), values
        ).scalar_one()
        if only_endpoint is not None:
            about = {"event_id": event_id, "now": now, "endpoint_id": only_endpoint}
            execute(session, _DELIVERING_TO_ONE, about)
            collect_after_commit(news.tell, news.DUE)
        else:
            _tell(session, event_id, kind, data, user_id, now)
    return public_id


def first_sequence(session: Session) -> int | None:
    """Return the first sequence of a new row; None, to look it up, where SQLite reuses its id."""
    return 1 if session.get_bind().dialect.name == "postgresql" else None


def transaction_id(session: Session) -> ColumnElement[int]:
    """Return the number of the present transaction, as SQL; 0 on SQLite, which needs none.

    On PostgreSQL numbers of rows are given out before commits, so a reader who pages by id can
    pass over a row that is committed later. Ordered by (transaction, id), and shown only below
    the oldest transaction that still runs, no event can appear behind a reader.
    """
    return _transaction_id(session.get_bind().dialect.name)


def _transaction_id(dialect: str) -> ColumnElement[int]:
    if dialect != "postgresql":
        return literal(0)
    return cast(cast(func.pg_current_xact_id(), Text), BigInteger)


@cache
def _recording(dialect: str) -> Prepared:
    event = Event.__table__
    numbered = insert(event).values(transaction_id=_transaction_id(dialect))
    return Prepared(numbered.returning(event.c.id))


def _next_sequence(session: Session, aggregate: str, aggregate_id: int) -> int:
    last = session.scalar(
        select(func.max(Event.sequence)).where(
            Event.aggregate == aggregate, Event.aggregate_id == aggregate_id
        )
    )
    return (last or 0) + 1


_MAILING = Prepared(insert(Email.__table__).inline())
_NOTICE = Notification.__table__
_SAID = ("event_id", "created_at", "title", "message", "data")
_GIVEN: list[Any] = [User.id, *(bindparam(name, type_=_NOTICE.c[name].type) for name in _SAID)]
_NOTIFYING = Prepared(
    insert(_NOTICE)
    .from_select(
        ["user_id", *_SAID],
        # Who has left wants to know nothing any more.
        select(*_GIVEN).where(User.id == bindparam("whom"), User.is_active),
    )
    .returning(_NOTICE.c.id)
)


# -- who is told --------------------------------------------------------------------------------
# Subscriptions that an event matches: to all, to its family, to its type.
_PATTERNS: tuple[Any, ...] = (literal("*"), bindparam("family"), bindparam("event_type"))
_WHO = Prepared(
    union_all(
        select(literal("endpoint"), WebhookSubscription.endpoint_id).where(
            WebhookSubscription.pattern.in_(_PATTERNS)
        ),
        select(literal("device"), Device.id).where(Device.user_id == bindparam("user_id")),
        select(Preference.channel, literal(0)).where(
            Preference.user_id == bindparam("user_id"),
            Preference.event_type == bindparam("event_type"),
            Preference.enabled.is_(False),
        ),
    )
)


def _sending(message: Any, column: str, receiver: Any, which: ColumnElement[bool]) -> Prepared:
    """Return the INSERT that sends an event to those receivers that are picked."""
    now = bindparam("now", type_=Event.created_at.type)
    event_id = bindparam("event_id", type_=Event.id.type)
    fields = ["event_id", "status", "attempts", "next_attempt_at", "created_at", "touched_at"]
    whom = select(event_id, literal(PENDING), literal(0), now, now, now, receiver.id).where(which)
    whom = whom.with_for_update(**NOT_BEING_DELETED)
    return Prepared(insert(message.__table__).from_select([*fields, column], whom).inline())


_DELIVERING = _sending(
    WebhookDelivery,
    "endpoint_id",
    WebhookEndpoint,
    exists().where(
        WebhookSubscription.endpoint_id == WebhookEndpoint.id,
        WebhookSubscription.pattern.in_(_PATTERNS),
    ),
)
_DELIVERING_TO_ONE = _sending(
    WebhookDelivery,
    "endpoint_id",
    WebhookEndpoint,
    WebhookEndpoint.id == bindparam("endpoint_id"),
)
_PUSHING = _sending(PushMessage, "device_id", Device, Device.user_id == bindparam("user_id"))


def _tell(
    session: Session,
    event_id: int,
    kind: EventType,
    data: dict[str, Any],
    user_id: int | None,
    now: datetime,
) -> None:
    about = {"event_type": kind.name, "family": kind.family}
    found = execute(session, _WHO, {**about, "user_id": user_id or 0})
    # Endpoints, devices and unwanted channels in one look: an order should not wait for three.
    there = {str(row[0]) for row in found}
    due: dict[str, Any] = {
        "status": PENDING,
        "attempts": 0,
        "next_attempt_at": now,
        "created_at": now,
        "touched_at": now,
    }
    outgoing = False
    if "endpoint" in there:
        execute(session, _DELIVERING, {**about, "event_id": event_id, "now": now})
        outgoing = True
    if user_id is not None and kind.mail and "email" not in there:
        mail = {"user_id": user_id, "template": kind.mail, "event_id": event_id, "data": {}}
        execute(session, _MAILING, {**mail, **due})
        outgoing = True
    if user_id is not None and kind.notice:
        if "device" in there and "push" not in there:
            execute(session, _PUSHING, {"event_id": event_id, "now": now, "user_id": user_id})
            outgoing = True
        if "in_app" not in there:
            _notify(session, event_id, kind, data, user_id, now)
    if outgoing:
        collect_after_commit(news.tell, news.DUE)


def _notify(
    session: Session,
    event_id: int,
    kind: EventType,
    data: dict[str, Any],
    user_id: int,
    now: datetime,
) -> None:
    title, message = notice(kind, data)
    about = {"event_type": kind.name, **data}
    words = {"title": title, "message": message, "data": about}
    values = {"whom": user_id, "event_id": event_id, "created_at": now, **words}
    notification_id = execute(session, _NOTIFYING, values).scalar()
    if notification_id is None:
        return
    payload = notification_message(notification_id, title, message, about, now)
    update = Update("user", user_id, notification_id, payload)
    collect_after_commit(news.tell, update)


def get(public_id: str) -> Event | None:
    """Return the event of this public id, None when there is none (or no longer)."""
    return db.session.scalar(select(Event).where(Event.public_id == public_id))
