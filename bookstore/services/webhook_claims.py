"""Which deliveries are due, and may be sent: endpoint by endpoint, never the whole backlog."""

from collections.abc import Hashable, Iterator, Mapping, Set
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from bookstore.models import Event, WebhookDelivery, WebhookEndpoint
from bookstore.models.outbox import is_pending
from bookstore.services.outgoing import FIRST, LEASE
from bookstore.services.sql import AnyRow, AnySelect

Delivery, Endpoint = WebhookDelivery, WebhookEndpoint


def claim(
    session: Session, owner: str, room: int, quota: Mapping[Hashable, int], now: datetime
) -> Iterator[tuple[int, AnyRow, AnyRow]]:
    """Lease up to ``room`` due deliveries; yield (delivery id, endpoint, event), oldest first.

    Endpoints become ours for as long as a lease; those of another live process are left alone.
    """
    ours = {row.id: row for row in _endpoints(session, owner, now)}
    allowed = {row.id: _allowed(session, row, quota, now) for row in ours.values() if row.due}
    wanted = dict(islice(((i, n) for i, n in allowed.items() if n > 0), room))
    leased: list[AnyRow] = []
    if wanted:
        # When there is not room for all, each gets its part.
        part = room // len(wanted)
        leased = _lease(session, owner, {i: min(n, part) for i, n in wanted.items()}, now)
    # Nothing would remind us to let go of these.
    useless = ours.keys() - {row.endpoint_id for row in leased} - quota.keys()
    if useless:
        let_go(session, owner, useless)
    if not leased:
        return
    which = {row.event_id for row in leased}
    shown = (Event.id, Event.public_id, Event.type, Event.body, Event.traceparent)
    query = select(*shown).where(Event.id.in_(which))
    events = {row.id: row for row in session.execute(query)}
    for row in sorted(leased, key=lambda one: int(one.id)):
        yield row.id, ours[row.endpoint_id], events[row.event_id]


def let_go(session: Session, owner: str, some: Set[int] | None = None) -> None:
    """Let other processes have the endpoints of this one, or some of them.

    One that somebody is changing just now is not waited for: its lease runs out by itself.
    """
    which = Endpoint.drained_by == owner
    unlocked = (
        select(Endpoint.id)
        .where(which if some is None else which & Endpoint.id.in_(some))
        .order_by(Endpoint.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    session.execute(
        update(Endpoint)
        .where(Endpoint.id.in_(unlocked))
        .values(drained_by=None, drained_until=None)
        .execution_options(synchronize_session=False)
    )


def may_be_sent_to(now: datetime) -> ColumnElement[bool]:
    """Return the condition on endpoints: active, and the breaker lets something through."""
    through = or_(Endpoint.open_until.is_(None), Endpoint.open_until <= now)
    return Endpoint.is_active & through


def has_due(now: datetime) -> ColumnElement[bool]:
    """Return the condition on endpoints that something for them is due."""
    due = Delivery.next_attempt_at <= now
    return exists().where(Delivery.endpoint_id == Endpoint.id, is_pending(Delivery), due)


def _endpoints(session: Session, owner: str, now: datetime) -> list[AnyRow]:
    """Return the endpoints that are ours now; taken or renewed where that is due."""
    mine = Endpoint.drained_by == owner
    free = or_(Endpoint.drained_by.is_(None), mine, Endpoint.drained_until <= now)
    query = select(
        Endpoint.id,
        Endpoint.url,
        Endpoint.secret,
        Endpoint.previous_secret,
        Endpoint.previous_until,
        Endpoint.failures,
        Endpoint.open_until,
        Endpoint.drained_by,
        Endpoint.drained_until,
        has_due(now).label("due"),
    ).where(may_be_sent_to(now), or_(mine, free & has_due(now)))
    found = session.execute(query).all()
    fresh = now + LEASE / 2
    wanting = [row.id for row in found if row.drained_by != owner or row.drained_until <= fresh]
    if wanting:
        # Asked again under the lock: another process may just have taken one.
        still_free = (
            select(Endpoint.id)
            .where(Endpoint.id.in_(wanting), free)
            .order_by(Endpoint.id)
            .with_for_update(skip_locked=True, key_share=True)
        )
        session.execute(
            update(Endpoint)
            .where(Endpoint.id.in_(still_free))
            .values(drained_by=owner, drained_until=now + LEASE)
            .execution_options(synchronize_session=False)
        )
        # And read again, since who had it until now may have opened its breaker.
        found = session.execute(query.where(mine)).all()
    return list(found)


def _allowed(
    session: Session, endpoint: AnyRow, quota: Mapping[Hashable, int], now: datetime
) -> int:
    """Return how many more rows of an endpoint may be claimed."""
    if endpoint.open_until is None:
        return quota.get(endpoint.id, FIRST)
    # Half open: one to try, and not while anything else of it may still be under way.
    leased = select(Delivery.id).where(
        Delivery.endpoint_id == endpoint.id,
        is_pending(Delivery),
        Delivery.next_attempt_at.between(now, now + LEASE),
        Delivery.lease_owner.is_not(None),
    )
    return 1 if session.execute(leased.limit(1)).first() is None else 0


def _lease(session: Session, owner: str, numbers: Mapping[int, int], now: datetime) -> list[AnyRow]:
    """Lease so many due rows of each endpoint and return (id, endpoint_id, event_id) of each."""
    if session.get_bind().dialect.name == "postgresql":
        rows = list(session.execute(_due_of_many(numbers, now)))
    else:
        rows = [
            row
            for endpoint_id, number in numbers.items()
            for row in session.execute(_due(endpoint_id, number, now))
        ]
    # By their ids: with the query inside the UPDATE, PostgreSQL may well read the whole table.
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_([row.id for row in rows]))
        .values(next_attempt_at=now + LEASE, lease_owner=owner, touched_at=now)
        .execution_options(synchronize_session=False)
    )
    return rows


def _due(endpoint_id: Any, number: Any, now: datetime) -> AnySelect:
    return (
        select(Delivery.id, Delivery.endpoint_id, Delivery.event_id)
        .where(
            Delivery.endpoint_id == endpoint_id,
            is_pending(Delivery),
            Delivery.next_attempt_at <= now,
        )
        # No second column: thousands that fall due at one moment would have to be sorted first.
        .order_by(Delivery.next_attempt_at)
        .limit(number)
        .with_for_update(skip_locked=True, key_share=True)
    )


def _due_of_many(numbers: Mapping[int, int], now: datetime) -> AnySelect:
    """Return the due rows of many endpoints: a short look into the index for each."""
    each = (
        func.unnest(
            literal(list(numbers), ARRAY(BigInteger)),
            literal(list(numbers.values()), ARRAY(Integer)),
        )
        .table_valued("endpoint_id", "number")
        .render_derived(name="each")
    )
    due = _due(each.c.endpoint_id, each.c.number, now).lateral("due")
    return select(due).select_from(each.join(due, literal(True)))
