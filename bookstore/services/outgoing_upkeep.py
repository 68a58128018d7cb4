"""Outgoing messages, from time to time: wake who sends what is due, mend, and throw away.

All of it may be run at any moment, as often as one likes, by several processes at once.
"""

from collections import Counter
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from bookstore import clock
from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.models import (
    Email,
    Event,
    PushMessage,
    WebhookDelivery,
    WebhookEndpoint,
)
from bookstore.models.outbox import FAILED, Outgoing, is_pending
from bookstore.services import batches, webhook_claims, webhook_health
from bookstore.services.outgoing import LEASE
from bookstore.services.outgoing_rows import count_outcomes
from bookstore.unit_of_work import new_snapshot, unit_of_work

TABLES = (WebhookDelivery, Email, PushMessage)
HELD_FOR = timedelta(days=30)
KEPT_FOR = timedelta(days=90)
_BATCH, _STRETCH = 1000, 5000
# Clocks of several machines, and waits for a lock, differ by less; a clock that is set, by more.
_ROOM = timedelta(seconds=15)
# An order has its version; a review has one event. The rest are counted up from the last.
_NUMBERED_OTHERWISE = ("order", "payment", "review")


def sweep(*, clock_jumped: bool = False) -> bool:
    """Wake a worker if something is due; return whether it was.

    What was lost on the way to a worker (Redis away, a process killed) is found here.

    Args:
        clock_jumped: mend what was written under another time; look at every waiting row.

    Raises:
        redis.RedisError: something is due and Redis is away.
    """
    if clock_jumped:
        _mend()
    due = is_due(clock.now())
    if due:
        queue.rewake()
    return due


def is_due(now: datetime) -> bool:
    """Return whether something could be sent now."""
    new_snapshot()
    webhooks = select(WebhookEndpoint.id).where(
        webhook_claims.may_be_sent_to(now), webhook_claims.has_due(now)
    )
    others = [
        select(table.id).where(is_pending(table), table.next_attempt_at <= now)
        for table in (Email, PushMessage)
    ]
    return any(
        db.session.execute(query.limit(1)).first() is not None for query in (webhooks, *others)
    )


def watch_endpoints() -> None:
    """Warn the owners of endpoints that have failed for days, and disable those past help.

    A failed attempt does so as well; this is for those whose breaker keeps them silent.
    """
    now = clock.now()
    suspects = select(WebhookEndpoint.id).where(
        WebhookEndpoint.is_active,
        WebhookEndpoint.failing_since <= now - webhook_health.WARN_AFTER[0],
    )
    new_snapshot()
    for endpoint_id in db.session.scalars(suspects.order_by(WebhookEndpoint.id)).all():
        with unit_of_work() as session:
            endpoint = session.get(
                WebhookEndpoint,
                endpoint_id,
                populate_existing=True,
                with_for_update={"key_share": True},
            )
            if endpoint is not None:
                webhook_health.review(session, endpoint, now)


def expire_held() -> int:
    """Give up deliveries that a disabled endpoint has kept waiting for 30 days; how many."""
    now = clock.now()

    def some(session: Session) -> int:
        old = (
            select(WebhookDelivery.id)
            .join(WebhookEndpoint)
            .where(
                is_pending(WebhookDelivery),
                WebhookEndpoint.is_active.is_(False),
                WebhookDelivery.created_at < now - HELD_FOR,
            )
            .limit(_BATCH)
        )
        given_up = batches.rowcount(
            session,
            update(WebhookDelivery)
            .where(WebhookDelivery.id.in_(old), is_pending(WebhookDelivery))
            .values(
                status=FAILED,
                last_error=f"held for {HELD_FOR.days} days",
                lease_owner=None,
                touched_at=now,
                finished_at=now,
            ),
        )
        if given_up:
            count_outcomes(session, "webhooks", Counter({FAILED: given_up}))
        return given_up

    return batches.until_fewer(_BATCH, some)


def forget_events() -> int:
    """Delete events older than 90 days that nothing waits for, and all that hangs on them.

    Their deliveries and attempts, mails, push messages and notifications go with them. The newest
    event of a thing whose numbers are counted up stays: the next one goes on from it.
    """
    now = clock.now()
    later = aliased(Event)
    followed = exists().where(
        later.aggregate == Event.aggregate,
        later.aggregate_id == Event.aggregate_id,
        later.sequence > Event.sequence,
    )
    waiting = [exists().where(table.event_id == Event.id, is_pending(table)) for table in TABLES]

    # Also over what stays, or it would be looked at again for each batch of what goes; and by id,
    # since thousands may be of one moment: up to the last of it. Those that are not in the order
    # of time go another day.
    old = Event.created_at < now - KEPT_FOR
    new_snapshot()
    newest = db.session.scalar(
        select(Event.id).where(old).order_by(Event.created_at.desc(), Event.id.desc()).limit(1)
    )
    if newest is None:
        return 0

    def some(session: Session, stretch: ColumnElement[bool]) -> int:
        free = Event.aggregate.in_(_NUMBERED_OTHERWISE) | followed
        over = delete(Event).where(stretch, old, free, *(~one for one in waiting))
        return batches.rowcount(session, over)

    return batches.by_ids(_BATCH, Event.id, some, Event.id <= newest)


def _mend() -> None:
    """After the clock was set back, rows wait for a time that is far away; let them go now."""
    for table in TABLES:
        batches.by_ids(_STRETCH, table.id, partial(_let_go, table))
    with unit_of_work() as session:
        now, later, far = _times()
        endpoint = WebhookEndpoint
        for changes, wrong in (
            ({"drained_by": None, "drained_until": None}, endpoint.drained_until > far),
            ({"open_until": now}, endpoint.open_until > later + webhook_health.LONGEST_OPEN),
            ({"failing_since": now}, endpoint.failing_since > later),
        ):
            batches.rowcount(session, update(endpoint).where(wrong).values(**changes))


def _let_go(table: type[Outgoing], session: Session, stretch: ColumnElement[bool]) -> int:
    now, later, far = _times()
    leased_for_long = table.lease_owner.is_not(None) & (table.next_attempt_at > far)
    return batches.rowcount(
        session,
        update(table)
        .where(stretch, is_pending(table), (table.touched_at > later) | leased_for_long)
        .values(next_attempt_at=now, touched_at=now, lease_owner=None),
    )


def _times() -> tuple[datetime, datetime, datetime]:
    # Read inside the transaction, and with some room: it may still have to wait for rows that a
    # worker leases meanwhile, and what is on its way must not be sent by another as well.
    now = clock.now()
    return now, now + _ROOM, now + LEASE + _ROOM
