"""Webhooks: who is told, of what, and every attempt at it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.accounts import User
from bookstore.models.events import Event
from bookstore.models.outbox import FAILED, PENDING, Outgoing, due_index, status_check
from bookstore.models.types import BigId, UTCDateTime


class WebhookEndpoint(Model):
    """A receiver. ``secret`` and ``previous_secret`` are encrypted."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # Who made it, and is told when it fails.
    owner_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(500), default="")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    # gone (it answered 410), failing (for days), or by_hand; None while active.
    disabled_reason: Mapped[str | None] = mapped_column(String(20))
    disabled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    # The secret before the newest also signs until then.
    previous_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Failures in a row, since when, and how many warnings its owner has had of this row.
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    warnings: Mapped[int] = mapped_column(default=0)
    # The breaker: open until then; how often it opened in a row decides for how long.
    open_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    openings: Mapped[int] = mapped_column(default=0)
    # One worker process at a time sends to an endpoint: it counts what is in flight.
    drained_by: Mapped[str | None] = mapped_column(String(32))
    drained_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)

    owner: Mapped[User | None] = relationship()
    subscriptions: Mapped[list["WebhookSubscription"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True
    )

    @property
    def events(self) -> list[str]:
        """The patterns it subscribes to."""
        return sorted(subscription.pattern for subscription in self.subscriptions)

    @property
    def circuit(self) -> str:
        """The breaker: closed, open (nothing is sent), half_open (one is sent to try)."""
        if self.open_until is None:
            return "closed"
        return "open" if self.open_until > clock.now() else "half_open"

    def __repr__(self) -> str:
        state = "active" if self.is_active else f"disabled: {self.disabled_reason}"
        return f"<WebhookEndpoint {self.id} {self.url} ({state})>"


class WebhookSubscription(Model):
    """One pattern of an endpoint: an event type, ``order.*`` or ``*``."""

    __tablename__ = "webhook_subscriptions"

    endpoint_id: Mapped[int] = mapped_column(
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), primary_key=True
    )
    pattern: Mapped[str] = mapped_column(String(60), primary_key=True, index=True)

    def __repr__(self) -> str:
        return f"<WebhookSubscription {self.endpoint_id} {self.pattern}>"


class WebhookDelivery(Outgoing, Model):
    """One event on its way to one endpoint."""

    __tablename__ = "webhook_deliveries"

    event_id: Mapped[int] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))

    event: Mapped[Event] = relationship()
    endpoint: Mapped[WebhookEndpoint] = relationship()
    log: Mapped[list["WebhookAttempt"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="WebhookAttempt.id"
    )

    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id"),
        status_check(),
        due_index("webhook_deliveries", "endpoint_id"),
        Index("ix_webhook_deliveries_endpoint_id_id", "endpoint_id", "id"),
        Index(
            "ix_webhook_deliveries_failed",
            "endpoint_id",
            "id",
            postgresql_where=text(f"status = '{FAILED}'"),
            sqlite_where=text(f"status = '{FAILED}'"),
        ),
    )

    @property
    def state(self) -> str:
        """``status``, but held for what waits until its endpoint is enabled again."""
        held = self.status == PENDING and not self.endpoint.is_active
        return "held" if held else self.status

    @property
    def due_at(self) -> datetime | None:
        """When it is tried next; None once it is over."""
        return self.next_attempt_at if self.status == PENDING else None

    def __repr__(self) -> str:
        return f"<WebhookDelivery {self.id} of event {self.event_id}: {self.status}>"


class WebhookAttempt(Model):
    """One attempt at a delivery."""

    __tablename__ = "webhook_attempts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(
        ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    status_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    duration_ms: Mapped[int]
    # The first KiB of the answer, as text.
    response: Mapped[str] = mapped_column(Text, default="")

    def __repr__(self) -> str:
        return f"<WebhookAttempt {self.status_code or self.error} after {self.duration_ms} ms>"
