"""Webhooks as a channel of the drain loop: whom to send to, the sending, what became of it.

One worker process at a time sends to an endpoint (``drained_by``), so that ten in flight, and one
probe through an open breaker, are that many however many workers there are.
"""

import logging
import time
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from bookstore import clock, errors, traces
from bookstore.extensions import settings
from bookstore.gateways.webhook_http import Client, SendFailed
from bookstore.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from bookstore.models.outbox import FAILED, PENDING, SUCCEEDED, is_pending
from bookstore.services import (
    vault,
    webhook_claims,
    webhook_health,
    webhook_schedule,
    webhook_signing,
)
from bookstore.services.outgoing import LEASE, Finished, Work

USER_AGENT = "bookstore-webhooks/1"
log = logging.getLogger(__name__)

FIXED_HEADERS = {"Content-Type": "application/json", "User-Agent": USER_AGENT}


@dataclass(frozen=True, slots=True)
class Parcel:
    """What sending needs to know. ``keys`` is empty when the secret cannot be read."""

    url: str
    keys: Sequence[str] = field(repr=False)
    message_id: str
    event_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt went: an answer's status, or the error why there was none."""

    at: datetime
    duration_ms: int
    status: int | None = None
    error: str | None = None
    text: str = ""
    retry_after: timedelta | None = None

    @property
    def ok(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def summary(self) -> str:
        """Why it failed, in a few words."""
        if self.status is None:
            return self.error or "failed"
        redirect = ", a redirect, which is not followed" if 300 <= self.status < 400 else ""
        return f"answered {self.status}{redirect}"


class Webhooks:
    """The channel; one object a drain."""

    name = "webhooks"
    lane_limit = 10
    limit = 64

    def __init__(self, client: Client | None = None) -> None:
        self.client = client or _client(settings().allows_private_networks)
        self._keys: dict[bytes, str | None] = {}

    def claim(
        self, session: Session, owner: str, room: int, quota: Mapping[Hashable, int]
    ) -> list[Work]:
        """Lease due rows, of each endpoint no more than its part."""
        now = clock.now()
        work = []
        for id_, endpoint, event in webhook_claims.claim(session, owner, room, quota, now):
            parcel = Parcel(
                url=endpoint.url,
                keys=self._keys_of(endpoint, now),
                message_id=event.public_id,
                event_type=event.type,
                body=event.body,
            )
            row = (id_, endpoint.id, parcel, now + LEASE, endpoint.failures > 0, event.traceparent)
            work.append(Work(*row))
        return work

    def send(self, work: Work) -> Attempt:
        """Sign and send one; every way in which that may fail is an outcome."""
        parcel: Parcel = work.payload
        at, started = clock.now(), time.monotonic()
        if not parcel.keys:
            return Attempt(at, 0, error=errors.SecretUnreadable().detail)
        headers = webhook_signing.headers(
            parcel.keys, parcel.message_id, int(at.timestamp()), parcel.event_type, parcel.body
        )
        try:
            return self._sent(parcel, headers, at, started)
        except Exception as error:
            # What nobody thought of is a failed attempt too: uncounted, it would go on for ever.
            log.exception("webhook not sent", extra={"delivery_id": work.id})
            return Attempt(at, _ms_since(started), error=f"unexpected {type(error).__name__}")

    def _sent(
        self, parcel: Parcel, headers: dict[str, str], at: datetime, started: float
    ) -> Attempt:
        try:
            answer = self.client.post(
                parcel.url, FIXED_HEADERS | headers | traces.headers(), parcel.body
            )
        except SendFailed as failure:
            return Attempt(at, _ms_since(started), error=str(failure))
        asked = None
        if answer.status in {429, 503} and answer.retry_after is not None:
            asked = timedelta(seconds=answer.retry_after)
        return Attempt(at, _ms_since(started), answer.status, None, answer.text, asked)

    def finish(
        self, session: Session, owner: str, done: Sequence[tuple[Work, Attempt]]
    ) -> Finished:
        """Write down attempts, move deliveries and endpoints on.

        Those of an endpoint that somebody has locked are left for later: the others must not wait.
        """
        now = clock.now()
        lanes = {work.lane for work, _ in done}
        endpoints = _lock_endpoints(session, lanes)
        locked = _which_exist(session, lanes - endpoints.keys())
        later = [one for one in done if one[0].lane in locked]
        done = [one for one in done if one[0].lane in endpoints]
        attempts_before = _lock_rows(session, owner, [work.id for work, _ in done])
        counts: Counter[str] = Counter()
        arrived, changes, log = [], [], []
        for work, attempt in done:
            if work.id not in attempts_before:
                continue  # deleted meanwhile, or the lease was lost: another writes it down
            endpoint = endpoints[work.lane]
            log.append(_log_row(work, attempt))
            if attempt.ok:
                arrived.append(work.id)
                counts[SUCCEEDED] += 1
                webhook_health.succeeded(endpoint)
                continue
            change = _failure(work, attempt, attempts_before[work.id] + 1, now)
            changes.append(change)
            counts["retry" if change["status"] == PENDING else FAILED] += 1
            if attempt.status == 410:
                webhook_health.gone(session, endpoint, now)
            else:
                webhook_health.failed(session, endpoint, now)
        _write(session, arrived, changes, log, now)
        open_ = {lane for lane, one in endpoints.items() if webhook_health.can_be_sent_to(one, now)}
        return Finished(counts, lanes - open_ - locked, later)

    def release(self, session: Session, owner: str, unsent: Sequence[Work]) -> None:
        """Make rows due again that were claimed and not sent."""
        now = clock.now()
        session.execute(
            update(WebhookDelivery)
            .where(
                WebhookDelivery.id.in_([work.id for work in unsent]),
                WebhookDelivery.lease_owner == owner,
            )
            .values(next_attempt_at=now, lease_owner=None, touched_at=now)
            .execution_options(synchronize_session=False)
        )

    def leave(self, session: Session, owner: str) -> None:
        """Let others have the endpoints."""
        webhook_claims.let_go(session, owner)
        self.client.prune()

    def _keys_of(self, endpoint: Any, now: datetime) -> list[str]:
        sealed = [endpoint.secret]
        if endpoint.previous_secret and endpoint.previous_until > now:
            sealed.append(endpoint.previous_secret)
        newest, *older = [self._unsealed(one) for one in sealed]
        return [newest, *(key for key in older if key)] if newest else []

    def _unsealed(self, sealed: bytes) -> str | None:
        if sealed not in self._keys:
            try:
                self._keys[sealed] = vault.unseal(sealed)
            except errors.SecretUnreadable:
                self._keys[sealed] = None
        return self._keys[sealed]


@cache
def _client(allow_private: bool) -> Client:
    # One a process: connections outlive a drain for a moment, and the TLS context is dear.
    return Client(allow_private=allow_private)


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _lock_endpoints(session: Session, ids: set[Hashable]) -> dict[Hashable, WebhookEndpoint]:
    # Endpoints before deliveries, as whoever deletes one locks them.
    rows = session.scalars(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id.in_(ids))
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    return {endpoint.id: endpoint for endpoint in rows}


def _which_exist(session: Session, ids: set[Hashable]) -> set[Hashable]:
    if not ids:
        return set()
    return set(session.scalars(select(WebhookEndpoint.id).where(WebhookEndpoint.id.in_(ids))))


def _lock_rows(session: Session, owner: str, ids: list[int]) -> dict[int, int]:
    """Return the attempts so far of those rows that are still ours."""
    rows = session.execute(
        select(WebhookDelivery.id, WebhookDelivery.attempts)
        .where(
            WebhookDelivery.id.in_(ids),
            WebhookDelivery.lease_owner == owner,
            is_pending(WebhookDelivery),
        )
        .order_by(WebhookDelivery.id)
        .with_for_update(key_share=True)
    )
    return {row.id: row.attempts for row in rows}


def _log_row(work: Work, attempt: Attempt) -> dict[str, Any]:
    return {
        "delivery_id": work.id,
        "at": attempt.at,
        "status_code": attempt.status,
        "error": attempt.error,
        "duration_ms": attempt.duration_ms,
        "response": attempt.text,
    }


def _failure(work: Work, attempt: Attempt, attempts: int, now: datetime) -> dict[str, Any]:
    due = webhook_schedule.next_attempt(attempts, now, attempt.retry_after)
    return {
        "row_id": work.id,
        "status": FAILED if due is None else PENDING,
        "attempts": attempts,
        "next_attempt_at": due or now,
        "last_error": attempt.summary,
        "finished_at": now if due is None else None,
    }


def _write(
    session: Session,
    arrived: list[int],
    changes: list[dict[str, Any]],
    log: list[dict[str, Any]],
    now: datetime,
) -> None:
    rows, connection = WebhookDelivery.__table__, session.connection()
    over = {"lease_owner": None, "touched_at": now}
    if arrived:
        connection.execute(
            rows.update()
            .where(rows.c.id.in_(arrived))
            .values(
                status=SUCCEEDED,
                attempts=rows.c.attempts + 1,
                last_error=None,
                finished_at=now,
                **over,
            )
        )
    if changes:
        names = [name for name in changes[0] if name != "row_id"]
        connection.execute(
            rows.update()
            .where(rows.c.id == bindparam("row_id"))
            .values({name: bindparam(name) for name in names} | over),
            changes,
        )
    if log:
        connection.execute(insert(WebhookAttempt.__table__), log)
