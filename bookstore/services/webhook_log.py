"""Deliveries to webhook endpoints: looking at them, and sending them again. Staff only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session, contains_eager, selectinload

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.models import Event, Order as OrderRow, WebhookDelivery, WebhookEndpoint
from bookstore.models.outbox import FAILED, PENDING, SUCCEEDED, is_failed
from bookstore.services import batches, paging, webhooks
from bookstore.services.actors import Acting, require_staff
from bookstore.services.event_types import patterns, types_of
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.services.sql import AnySelect
from bookstore.unit_of_work import after_commit, unit_of_work

HELD = "held"
_BATCH = 5000
# What a replay may be of. What is pending needs none.
REPLAYABLE = {"failed": (FAILED,), "succeeded": (SUCCEEDED,), "all": (FAILED, SUCCEEDED)}


def list_deliveries(
    actor: Acting,
    endpoint_id: int,
    page: PageRequest,
    *,
    status: str | None = None,
    event_type: str | None = None,
    event_id: str | None = None,
    order_number: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Page:
    """Return one page of an endpoint's deliveries, newest first.

    Args:
        actor: staff.
        endpoint_id: whose.
        page: which.
        status: pending, succeeded or failed; held: pending while the endpoint is disabled.
        event_type: a type, ``order.*`` or ``*``.
        event_id: of this event, known by its public id.
        order_number: of what happened to this order.
        since: of what happened from this instant on.
        until: of what happened up to and without this instant.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such endpoint.
        Invalid: naming ``event_type``, or a bad cursor.
    """
    webhooks.get(actor, endpoint_id)
    query = _shown().where(WebhookDelivery.endpoint_id == endpoint_id)
    if status in {PENDING, HELD}:
        query = query.where(
            WebhookDelivery.status == PENDING,
            WebhookEndpoint.is_active.is_(status == PENDING),
        )
    elif status == FAILED:
        query = query.where(is_failed(WebhookDelivery))
    elif status is not None:
        query = query.where(WebhookDelivery.status == status)
    if event_type is not None:
        query = query.where(Event.type.in_(_types("event_type", [event_type])))
    if event_id is not None:
        query = query.where(Event.public_id == event_id)
    if order_number is not None:
        number = OrderRow.number == order_number.upper()
        which = select(OrderRow.id).where(number).scalar_subquery()
        query = query.where(Event.aggregate == "order", Event.aggregate_id == which)
    if since is not None:
        query = query.where(Event.created_at >= since)
    if until is not None:
        query = query.where(Event.created_at < until)
    order = Order("-created", WebhookDelivery.id, WebhookDelivery.id, True, paging.parse_int)
    found = paging.fetch(db.session(), query, order, page)
    return Page([row[1] for row in found.data], found.next_cursor, found.total)


def get(actor: Acting, delivery_id: int) -> WebhookDelivery:
    """Return a delivery with its event, its endpoint and its log.

    Raises:
        Forbidden: not staff.
        NotFound: there is none.
    """
    require_staff(actor)
    query = _shown().options(selectinload(WebhookDelivery.log))
    row = db.session.execute(
        query.where(WebhookDelivery.id == delivery_id).execution_options(populate_existing=True)
    ).first()
    if row is None:
        raise errors.NotFound(f"There is no webhook delivery {delivery_id}.")
    found: WebhookDelivery = row[1]
    return found


def redeliver(actor: Acting, delivery_id: int) -> WebhookDelivery:
    """Send one again, now, with all its attempts ahead of it; the ``webhook-id`` stays.

    One that is being sent at this moment is left to that.

    Raises:
        NotFound, Forbidden: as ``get``.
    """
    require_staff(actor)
    with unit_of_work() as session:
        due = select(WebhookDelivery.id).where(WebhookDelivery.id == delivery_id)
        if session.scalar(due) is None:
            raise errors.NotFound(f"There is no webhook delivery {delivery_id}.")
        _send_again(session, WebhookDelivery.id == delivery_id)
    return get(actor, delivery_id)


def replay(
    actor: Acting,
    endpoint_id: int,
    since: datetime,
    *,
    until: datetime | None = None,
    status: str = "failed",
    event_types: Sequence[str] | None = None,
    dry_run: bool = False,
) -> int:
    """Send again what was recorded for an endpoint in a stretch of time; return how many.

    Some at a time: when it is broken off, what was done until then stays done.

    Args:
        actor: staff.
        endpoint_id: whose.
        since: from this instant on, by when it happened.
        until: up to and without this instant; None: up to now.
        status: ``failed``, ``succeeded`` or ``all`` (both).
        event_types: only of these types (``order.*`` and ``*`` may stand for many).
        dry_run: only count.

    Raises:
        NotFound, Forbidden: as ``get``.
        Invalid: naming an event type that there is not, as ``event_types.0``.
    """
    webhooks.get(actor, endpoint_id)
    mine = WebhookDelivery.endpoint_id == endpoint_id
    which = WebhookDelivery.status.in_(REPLAYABLE[status]) & (WebhookDelivery.created_at >= since)
    # Without an end, what is sent again and has arrived meanwhile could come round once more.
    which &= WebhookDelivery.created_at < (until or clock.now())
    if event_types is not None:
        types = _types("event_types", event_types)
        which &= WebhookDelivery.event_id.in_(select(Event.id).where(Event.type.in_(types)))

    def some(session: Session, stretch: ColumnElement[bool]) -> int:
        return (_count if dry_run else _send_again)(session, stretch & which)

    return batches.by_ids(_BATCH, WebhookDelivery.id, some, mine)


def _shown() -> AnySelect:
    # The event's bytes stay where they are: a page of them may be large.
    event = contains_eager(WebhookDelivery.event).load_only(
        Event.public_id, Event.type, Event.sequence, Event.created_at
    )
    endpoint = contains_eager(WebhookDelivery.endpoint).load_only(WebhookEndpoint.is_active)
    query: AnySelect = (
        select(WebhookDelivery.id, WebhookDelivery)
        .join(WebhookDelivery.event)
        .join(WebhookDelivery.endpoint)
        .options(event, endpoint)
    )
    return query


def _count(session: Session, which: ColumnElement[bool]) -> int:
    found = select(func.count()).select_from(WebhookDelivery).where(which)
    return session.execute(found).scalar_one()


def _send_again(session: Session, which: ColumnElement[bool]) -> int:
    now = clock.now()
    # A lease that still runs is somebody's who is sending it at this moment.
    free = or_(
        WebhookDelivery.status != PENDING,
        WebhookDelivery.lease_owner.is_(None),
        WebhookDelivery.next_attempt_at <= now,
    )
    after_commit(queue.wake)
    return batches.rowcount(
        session,
        update(WebhookDelivery)
        .where(which, free)
        .values(
            status=PENDING,
            attempts=0,
            lease_owner=None,
            next_attempt_at=now,
            touched_at=now,
            last_error=None,
            finished_at=None,
        ),
    )


def _types(field: str, wanted: Sequence[str]) -> list[str]:
    known = set(patterns())
    wrong: dict[str, Any] = {}
    for place, pattern in enumerate(wanted):
        if pattern not in known:
            name = field if field == "event_type" else f"{field}.{place}"
            wrong[name] = [f"There is no event type {pattern}."]
    if wrong:
        raise errors.Invalid(wrong)
    return types_of(wanted)
