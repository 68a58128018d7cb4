"""What users are told: in the app, on their devices, by mail; and what they chose of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.accounts import User
from bookstore.models.events import Event
from bookstore.models.outbox import Outgoing, due_index, status_check
from bookstore.models.types import BigId, Json, UTCDateTime

CHANNELS = ("email", "push", "in_app")
PLATFORMS = ("android", "ios", "web")


class Notification(Model):
    """A line in a user's inbox in the app."""

    __tablename__ = "notifications"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)

    __table_args__ = (
        UniqueConstraint("event_id", "user_id"),
        Index("ix_notifications_user_id_id", "user_id", "id"),
    )

    def __repr__(self) -> str:
        return f"<Notification {self.id} for user {self.user_id}: {self.title!r}>"


class Device(Model):
    """A phone or browser that takes push messages; a token belongs to who registered it last."""

    __tablename__ = "devices"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token: Mapped[str] = mapped_column(String(512), unique=True)
    platform: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)

    __table_args__ = (CheckConstraint(f"platform IN {PLATFORMS}", name="platform"),)

    def __repr__(self) -> str:
        return f"<Device {self.id} ({self.platform}) of user {self.user_id}>"


class PushMessage(Outgoing, Model):
    """One event on its way to one device."""

    __tablename__ = "push_messages"

    event_id: Mapped[int] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), index=True)

    event: Mapped[Event] = relationship()
    device: Mapped[Device] = relationship()

    __table_args__ = (
        UniqueConstraint("event_id", "device_id"),
        status_check(),
        due_index("push_messages"),
    )

    def __repr__(self) -> str:
        return f"<PushMessage {self.id} to device {self.device_id}: {self.status}>"


class Email(Outgoing, Model):
    """One mail to one user; written (rendered) when it is sent, from what is true then.

    ``template`` names it; ``event_id`` is what it is about, None for a mail that was asked for.
    """

    __tablename__ = "emails"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    template: Mapped[str] = mapped_column(String(60))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    user: Mapped[User] = relationship()
    event: Mapped[Event | None] = relationship()

    __table_args__ = (
        UniqueConstraint("event_id", "user_id", "template"),
        status_check(),
        due_index("emails"),
    )

    def __repr__(self) -> str:
        return f"<Email {self.id} {self.template} to user {self.user_id}: {self.status}>"


class Preference(Model):
    """That a user does not (or does) want one type of event on one channel."""

    __tablename__ = "preferences"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    channel: Mapped[str] = mapped_column(String(10), primary_key=True)
    event_type: Mapped[str] = mapped_column(String(60), primary_key=True)
    enabled: Mapped[bool]

    __table_args__ = (CheckConstraint(f"channel IN {CHANNELS}", name="channel"),)

    def __repr__(self) -> str:
        return f"<Preference {self.channel} {self.event_type}: {self.enabled}>"
