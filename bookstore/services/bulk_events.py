"""Events of many things at once: a fixed number of statements, however many they are."""

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import exists, func, insert, literal, select
from sqlalchemy.orm import Session

from bookstore import clock, traces
from bookstore.gateways import queue
from bookstore.models import Event, WebhookDelivery, WebhookEndpoint, WebhookSubscription
from bookstore.models.outbox import PENDING
from bookstore.services.event_types import TYPES, patterns_for
from bookstore.services.event_words import envelope
from bookstore.services.events import NOT_BEING_DELETED, transaction_id
from bookstore.unit_of_work import after_commit, unit_of_work


def record_many(event_type: str, about: Mapping[int, dict[str, Any]]) -> None:
    """Record one event of each of many things; as ``events.record`` otherwise.

    Args:
        event_type: one of ``event_types.TYPES`` that concerns no user in particular: webhooks
            are told of it, nobody gets mail or a notification.
        about: the thing's id → the event's own part. Their rows must be locked, or new.
    """
    kind, now = TYPES[event_type], clock.now()
    if kind.mail or kind.notice:
        raise ValueError(f"{event_type} concerns users one by one")
    if not about:
        return
    with unit_of_work() as session:
        last = _sequences(session, kind.aggregate, list(about))
        transaction = session.scalar(select(transaction_id(session)))
        rows = []
        for thing, data in about.items():
            public_id, sequence = f"evt_{secrets.token_hex(16)}", last.get(thing, 0) + 1
            rows.append(
                {
                    "public_id": public_id,
                    "type": event_type,
                    "aggregate": kind.aggregate,
                    "aggregate_id": thing,
                    "sequence": sequence,
                    "user_id": None,
                    "transaction_id": transaction,
                    "body": envelope(public_id, kind, sequence, now, data),
                    "traceparent": traces.traceparent(),
                    "created_at": now,
                }
            )
        added = insert(Event.__table__).returning(Event.__table__.c.id)
        ids = list(session.execute(added, rows).scalars())
        _deliver(session, ids, patterns_for(event_type))


def _sequences(session: Session, aggregate: str, things: list[int]) -> dict[int, int]:
    query = (
        select(Event.aggregate_id, func.max(Event.sequence))
        .where(Event.aggregate == aggregate, Event.aggregate_id.in_(things))
        .group_by(Event.aggregate_id)
    )
    return dict(session.execute(query).all())


def _deliver(session: Session, ids: list[int], patterns: list[str]) -> None:
    wanted = WebhookSubscription.pattern.in_(patterns)
    if not session.scalar(select(exists().where(wanted))):
        return
    at = Event.created_at
    targets = (
        select(Event.id, WebhookEndpoint.id, literal(PENDING), literal(0), at, at, at)
        .join(WebhookEndpoint, exists().where(_of_endpoint(), wanted))
        .where(Event.id.in_(ids))
        # In the order in which things happened: deliveries are shown and sent in that of ids.
        .order_by(Event.id)
        .with_for_update(of=WebhookEndpoint, **NOT_BEING_DELETED)
    )
    columns = ["event_id", "endpoint_id", "status", "attempts"]
    columns += ["next_attempt_at", "created_at", "touched_at"]
    session.execute(insert(WebhookDelivery).from_select(columns, targets))
    after_commit(queue.wake)


def _of_endpoint() -> Any:
    return WebhookSubscription.endpoint_id == WebhookEndpoint.id
