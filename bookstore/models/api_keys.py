"""API keys: what a program shows instead of a login."""

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, Json, UTCDateTime

Scope = Literal[
    "catalog:read", "catalog:write", "orders:read", "orders:write", "webhooks", "reports"
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""What a key can be made for."""

STAFF_SCOPES: frozenset[Scope] = frozenset({"catalog:write", "webhooks", "reports"})
"""What only staff may do, so that nobody else can make a key for it."""


class ApiKey(Model):
    """A key of a user's: it acts for them within its scopes. Of its secret there is a digest."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    # The part of the key that is no secret: by it the row is found, and people tell keys apart.
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    # SHA-256 (hex) of the whole key.
    digest: Mapped[str] = mapped_column(String(64))
    # The one before, after a rotation, and until when it is good.
    previous_digest: Mapped[str | None] = mapped_column(String(64))
    previous_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Which secret this is: 1, and one more with each rotation.
    version: Mapped[int] = mapped_column(default=1)
    scopes: Mapped[list[str]] = mapped_column(Json)
    # Of a program of the shop's own: it has no rate limit.
    is_service: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # To the minute.
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @property
    def state(self) -> str:
        """``revoked``, ``expired`` or ``active``, now."""
        if self.revoked_at is not None:
            return "revoked"
        over = self.expires_at is not None and self.expires_at <= clock.now()
        return "expired" if over else "active"

    def __repr__(self) -> str:
        return f"<ApiKey {self.id} {self.prefix} of user {self.user_id}, {self.state}>"
