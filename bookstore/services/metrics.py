"""How the shop is doing, in figures: what waits to leave it, what works on that, what is down.

Asked every few seconds, so nothing here takes longer the more there is to do: counts of rows
stop at ``MOST``, and how long the oldest waits is looked up in an index.
"""

import contextlib
import logging
import shutil
from dataclasses import dataclass, field
from datetime import datetime

import redis
from sqlalchemy import ColumnElement, func, literal_column, or_, select
from sqlalchemy.exc import SQLAlchemyError

from bookstore import clock
from bookstore.extensions import db, settings
from bookstore.gateways import beats, claims, presence, queue
from bookstore.models import Email, OutcomeCount, PushMessage, WebhookDelivery, WebhookEndpoint
from bookstore.models.outbox import Outgoing, is_pending
from bookstore.services import health
from bookstore.unit_of_work import new_snapshot

log = logging.getLogger(__name__)

MOST = 10_000
# Beyond these, somebody should look. A wake-up comes at once, a sweep every ten seconds.
LATE_SECONDS, SWEEP_SECONDS = 60.0, 60.0

CHANNELS: dict[str, type[Outgoing]] = {
    "webhooks": WebhookDelivery,
    "email": Email,
    "push": PushMessage,
}


@dataclass(frozen=True, slots=True)
class Channel:
    """What one channel has to do. Counts stop at ``MOST``; ``held`` waits for its endpoint to be
    enabled and is in ``pending`` too; ``oldest_due_seconds`` is None when nothing is due."""

    pending: int
    due: int
    held: int
    oldest_due_seconds: float | None
    outcomes: dict[str, int]


@dataclass(slots=True)
class Figures:
    """Everything known at one moment; what cannot be asked is left empty."""

    up: dict[str, bool] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    breakers_open: int | None = None
    endpoints_disabled: int | None = None
    queued: dict[str, int] = field(default_factory=dict)
    oldest_jobs: dict[str, float] = field(default_factory=dict)
    workers: dict[str, int] = field(default_factory=dict)
    schedulers: int | None = None
    seconds_since_sweep: float | None = None
    sockets_open: int | None = None
    free_bytes: int | None = None

    def alarms(self) -> list[str]:
        """Return what is wrong, in sentences; empty when all is well."""
        found = [f"{name} does not answer" for name, up in self.up.items() if not up]
        for name, count in self.workers.items():
            if not count:
                found.append(f"no worker works on the queue {name}")
        for name, channel in self.channels.items():
            late = channel.oldest_due_seconds
            if late is not None and late > LATE_SECONDS:
                found.append(f"{name}: something has been due for {late:.0f} seconds")
        if self.schedulers == 0:
            found.append("no scheduler is at work")
        if self.up.get("redis"):
            since = self.seconds_since_sweep
            if since is None:
                found.append("no scheduler has swept yet")
            elif since > SWEEP_SECONDS:
                found.append(f"no scheduler has swept for {since:.0f} seconds")
        return found


def collect() -> Figures:
    """Return the figures as they stand; a database or a Redis that is away is part of them."""
    figures, state = Figures(), health.look()
    figures.up = {"database": state.database, "redis": state.redis}
    # Only who answers is asked more: one that hangs would keep whoever asks.
    try:
        if state.database:
            new_snapshot()
            _ask_database(figures)
    except SQLAlchemyError as error:
        log.warning("no figures, the database is away", extra={"why": type(error).__name__})
        figures.up["database"] = False
    with contextlib.suppress(OSError):
        figures.free_bytes = shutil.disk_usage(settings().bookstore_home).free
    if state.workers is None:
        return figures
    figures.workers = {name: state.workers[name] for name in queue.QUEUES}
    figures.schedulers = state.workers[beats.SCHEDULER]
    try:
        figures.queued = queue.depths()
        figures.oldest_jobs = queue.oldest(clock.now())
        figures.seconds_since_sweep = claims.seconds_since_sweep()
        figures.sockets_open = presence.totals().get("open", 0)
    except redis.RedisError as error:
        log.warning("no figures, Redis is away", extra={"why": str(error)})
        figures.up["redis"] = False
    return figures


def _ask_database(figures: Figures) -> None:
    session, now = db.session(), clock.now()
    outcomes: dict[str, dict[str, int]] = {name: {} for name in CHANNELS}
    for channel, outcome, count in session.execute(
        select(OutcomeCount.channel, OutcomeCount.outcome, OutcomeCount.count)
    ):
        outcomes.setdefault(channel, {})[outcome] = count
    for name, table in CHANNELS.items():
        pending = is_pending(table)
        due = [pending, table.next_attempt_at <= now]
        held = 0
        if table is WebhookDelivery:
            due.append(
                WebhookDelivery.endpoint_id.in_(select(WebhookEndpoint.id).where(_open(now)))
            )
            disabled = select(WebhookEndpoint.id).where(WebhookEndpoint.is_active.is_(False))
            held = _count(pending, WebhookDelivery.endpoint_id.in_(disabled))
            oldest = _oldest_delivery(now)
        else:
            oldest = session.scalar(select(func.min(table.next_attempt_at)).where(*due))
        figures.channels[name] = Channel(
            pending=_count(pending),
            due=_count(*due),
            held=held,
            oldest_due_seconds=None if oldest is None else (now - oldest).total_seconds(),
            outcomes=outcomes[name],
        )
    figures.endpoints_disabled = _count(WebhookEndpoint.is_active.is_(False))
    figures.breakers_open = _count(
        WebhookEndpoint.is_active.is_(True), WebhookEndpoint.open_until > now
    )


def _open(now: datetime) -> ColumnElement[bool]:
    """Endpoints to which deliveries may go now."""
    breaker = WebhookEndpoint.open_until
    return WebhookEndpoint.is_active & or_(breaker.is_(None), breaker <= now)


def _oldest_delivery(now: datetime) -> datetime | None:
    # One look into the index an endpoint, however many deliveries wait.
    first = (
        select(func.min(WebhookDelivery.next_attempt_at))
        .where(WebhookDelivery.endpoint_id == WebhookEndpoint.id, is_pending(WebhookDelivery))
        .scalar_subquery()
    )
    each = select(first.label("at")).where(_open(now)).subquery()
    oldest: datetime | None = db.session.scalar(select(func.min(each.c.at)).where(each.c.at <= now))
    return oldest


def _count(*conditions: ColumnElement[bool]) -> int:
    some = select(literal_column("1")).where(*conditions).limit(MOST).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0
