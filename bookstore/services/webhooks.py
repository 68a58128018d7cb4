"""Webhook endpoints: who is told, of what, signed with which secret. Staff only.

Deliveries to them are in ``webhook_log``; sending is ``webhook_delivery``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session, selectinload

from bookstore import clock, errors
from bookstore.extensions import db, settings
from bookstore.gateways import addresses, queue
from bookstore.models import Event, WebhookDelivery, WebhookEndpoint, WebhookSubscription
from bookstore.models.outbox import is_pending
from bookstore.services import batches, event_types, events, paging, vault, webhook_signing
from bookstore.services.actors import Acting, require_staff
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.unit_of_work import after_commit, unit_of_work

MAX_ENDPOINTS = 50
# How long the secret before the newest goes on signing.
OVERLAP = timedelta(hours=24)
BY_HAND = "by_hand"

_LOCK = 7266639
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Secret:
    """An endpoint and its new secret: to be shown once, never logged."""

    endpoint: WebhookEndpoint
    secret: str = field(repr=False)


def list_endpoints(actor: Acting, page: PageRequest) -> Page:
    """Return one page of the shop's endpoints, newest first."""
    require_staff(actor)
    query = select(WebhookEndpoint.id, WebhookEndpoint).options(
        selectinload(WebhookEndpoint.subscriptions)
    )
    order = Order("-created", WebhookEndpoint.id, WebhookEndpoint.id, True, paging.parse_int)
    found = paging.fetch(db.session(), query, order, page)
    return Page([row[1] for row in found.data], found.next_cursor, found.total)


def get(actor: Acting, endpoint_id: int) -> WebhookEndpoint:
    """Return an endpoint.

    Raises:
        Forbidden: not staff.
        NotFound: there is none.
    """
    require_staff(actor)
    endpoint = db.session.get(WebhookEndpoint, endpoint_id)
    if endpoint is None:
        raise errors.NotFound(f"There is no webhook endpoint {endpoint_id}.")
    return endpoint


def create(
    actor: Acting,
    url: str,
    patterns: Sequence[str],
    *,
    description: str = "",
    is_active: bool = True,
) -> Secret:
    """Register an endpoint and return it with its secret.

    Args:
        actor: staff; told by mail when the endpoint fails for long.
        url: where to POST.
        patterns: event types, ``order.*`` or ``*``; at least one.
        description: for people.
        is_active: whether to send at once; what happens meanwhile is held.

    Raises:
        Forbidden: not staff.
        UrlNotAllowed: the URL leads where nothing of ours may go.
        Invalid: naming the pattern that matches nothing, as ``events.0``.
        EndpointLimit: there are as many as may be.
    """
    require_staff(actor)
    patterns = _checked(patterns)
    _check_url(url)
    secret = webhook_signing.new_secret()
    with unit_of_work() as session:
        _refuse_too_many(session)
        endpoint = WebhookEndpoint(
            owner_id=actor.id,
            url=url,
            description=description,
            is_active=is_active,
            disabled_reason=None if is_active else BY_HAND,
            disabled_at=None if is_active else clock.now(),
            secret=vault.seal(secret),
            failures=0,
            warnings=0,
            openings=0,
            subscriptions=[WebhookSubscription(pattern=pattern) for pattern in patterns],
        )
        session.add(endpoint)
        session.flush()
    return Secret(endpoint, secret)


def change(actor: Acting, endpoint_id: int, changes: Mapping[str, Any]) -> WebhookEndpoint:
    """Change an endpoint: any of url, events, description, is_active.

    Enabling one that was disabled, or giving it another URL, forgets its failures, and what
    waits for it goes out at once (made due some at a time, after the change is committed).

    Raises:
        NotFound, Forbidden, UrlNotAllowed, Invalid: as in ``create``.
    """
    require_staff(actor)
    patterns = _checked(changes["events"]) if "events" in changes else None
    if "url" in changes:
        _check_url(changes["url"])
    with unit_of_work() as session:
        endpoint = _locked(session, endpoint_id)
        moved = changes.get("url", endpoint.url) != endpoint.url
        enabled = changes.get("is_active", False) and not endpoint.is_active
        for name in ("url", "description", "is_active"):
            if name in changes:
                setattr(endpoint, name, changes[name])
        if patterns is not None:
            _subscribe(session, endpoint, patterns)
        if enabled:
            endpoint.disabled_reason = endpoint.disabled_at = None
        elif not endpoint.is_active and endpoint.disabled_at is None:
            endpoint.disabled_reason, endpoint.disabled_at = BY_HAND, clock.now()
        if enabled or moved:
            endpoint.failures = endpoint.warnings = endpoint.openings = 0
            endpoint.failing_since = endpoint.open_until = None
        endpoint.updated_at = now = clock.now()
        session.flush()
    if enabled or moved:
        _make_due(endpoint_id, now)
    return endpoint


def remove(actor: Acting, endpoint_id: int) -> None:
    """Remove an endpoint with all its deliveries and their log.

    At once it is told nothing more; its deliveries go some at a time, its row last: nobody has to
    wait for its lock. Broken off, it is disabled, and can be removed again.

    Raises:
        NotFound, Forbidden: as ``get``.
    """
    require_staff(actor)
    with unit_of_work() as session:
        endpoint = _locked(session, endpoint_id)
        if endpoint.is_active:
            endpoint.is_active, endpoint.disabled_reason = False, BY_HAND
            endpoint.disabled_at = endpoint.updated_at = clock.now()
        endpoint.subscriptions = []
        session.flush()

    def some(session: Session) -> int:
        mine = select(WebhookDelivery.id).where(WebhookDelivery.endpoint_id == endpoint_id)
        # What a worker is writing down just now goes with the endpoint's row.
        first = mine.order_by(WebhookDelivery.id).limit(_BATCH).with_for_update(skip_locked=True)
        ids = session.scalars(first).all()
        gone = delete(WebhookDelivery).where(WebhookDelivery.id.in_(ids))
        return batches.rowcount(session, gone) if ids else 0

    batches.until_fewer(_BATCH, some)
    with unit_of_work() as session:
        # And with it what was recorded by those who had looked before.
        session.execute(delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id))


def rotate_secret(actor: Acting, endpoint_id: int) -> Secret:
    """Give an endpoint a new secret and return it; the old one also signs for 24 hours.

    Rotated again within those, the one before the last signs no longer.

    Raises:
        NotFound, Forbidden: as ``get``.
    """
    require_staff(actor)
    secret = webhook_signing.new_secret()
    with unit_of_work() as session:
        endpoint = _locked(session, endpoint_id)
        if _is_readable(endpoint.secret):
            endpoint.previous_secret = endpoint.secret
            endpoint.previous_until = clock.now() + OVERLAP
        else:
            endpoint.previous_secret = endpoint.previous_until = None
        endpoint.secret = vault.seal(secret)
        endpoint.updated_at = clock.now()
        session.flush()
    return Secret(endpoint, secret)


def ping(actor: Acting, endpoint_id: int) -> int:
    """Send an endpoint the test event, whatever it subscribes to; return the delivery's id.

    Raises:
        NotFound, Forbidden: as ``get``.
        EndpointDisabled: nothing is sent to it.
    """
    require_staff(actor)
    with unit_of_work() as session:
        endpoint = _locked(session, endpoint_id)
        if not endpoint.is_active:
            raise errors.EndpointDisabled
        about = {"endpoint_id": endpoint_id}
        public_id = events.record(
            "ping", about, aggregate_id=endpoint_id, only_endpoint=endpoint_id
        )
        found = select(WebhookDelivery.id).join(WebhookDelivery.event)
        return session.execute(found.where(Event.public_id == public_id)).scalar_one()


def _checked(patterns: Sequence[str]) -> list[str]:
    known = set(event_types.patterns())
    wrong = {
        f"events.{place}": [f"There is no event type {pattern}."]
        for place, pattern in enumerate(patterns)
        if pattern not in known
    }
    if wrong:
        raise errors.Invalid(wrong)
    if not patterns:
        raise errors.Invalid({"events": ["At least one."]})
    return list(dict.fromkeys(patterns))


def _check_url(url: str) -> None:
    addresses.check_url(url, allow_private=settings().allows_private_networks)


def _refuse_too_many(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        # Of two at once, the second must count the first.
        session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    count = session.scalar(select(func.count()).select_from(WebhookEndpoint)) or 0
    if count >= MAX_ENDPOINTS:
        raise errors.EndpointLimit(f"There are {MAX_ENDPOINTS} webhook endpoints already.")


def _locked(session: Session, endpoint_id: int) -> WebhookEndpoint:
    # No key is changed: whoever records an event for it need not wait.
    lock = {"key_share": True}
    endpoint = session.get(
        WebhookEndpoint, endpoint_id, with_for_update=lock, populate_existing=True
    )
    if endpoint is None:
        raise errors.NotFound(f"There is no webhook endpoint {endpoint_id}.")
    return endpoint


def _subscribe(session: Session, endpoint: WebhookEndpoint, patterns: list[str]) -> None:
    kept = [found for found in endpoint.subscriptions if found.pattern in patterns]
    known = {found.pattern for found in kept}
    new = [WebhookSubscription(pattern=name) for name in patterns if name not in known]
    endpoint.subscriptions = [*kept, *new]
    session.flush()


def _make_due(endpoint_id: int, now: datetime) -> None:
    waiting = (
        select(WebhookDelivery.id)
        .where(
            WebhookDelivery.endpoint_id == endpoint_id,
            is_pending(WebhookDelivery),
            WebhookDelivery.lease_owner.is_(None),
            WebhookDelivery.next_attempt_at > now,
        )
        .order_by(WebhookDelivery.next_attempt_at)
        .limit(_BATCH)
        # Whoever has one locked makes it due as well, or deletes it.
        .with_for_update(skip_locked=True, key_share=True)
    )

    def some(session: Session) -> int:
        after_commit(queue.wake)
        ids = session.scalars(waiting).all()
        due = update(WebhookDelivery).values(next_attempt_at=now, touched_at=now)
        return batches.rowcount(session, due.where(WebhookDelivery.id.in_(ids))) if ids else 0

    batches.until_fewer(_BATCH, some)


def _is_readable(sealed: bytes) -> bool:
    try:
        vault.unseal(sealed)
    except errors.SecretUnreadable:
        return False
    return True
