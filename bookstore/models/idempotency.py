"""Idempotency keys: the first answer to a request, kept to be given again."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, Json, UTCDateTime


class IdempotencyKey(Model):
    """A claim on (who, route, key); without ``status_code`` the first request still runs."""

    __tablename__ = "idempotency_keys"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    scope: Mapped[str] = mapped_column(String(100))
    route: Mapped[str] = mapped_column(String(200))
    key: Mapped[str] = mapped_column(String(255))
    # HMAC of method, path and body: a plain hash of a body with a password could be guessed.
    fingerprint: Mapped[str] = mapped_column(String(64))
    # Who runs it; a claim whose lease has run out (its process died) may be taken over.
    owner: Mapped[str] = mapped_column(String(32))
    leased_until: Mapped[datetime] = mapped_column(UTCDateTime)
    status_code: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None] = mapped_column(Json)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, index=True)
    # Whose, if anybody's: it goes with their account.
    user_id: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        UniqueConstraint("scope", "route", "key"),
        Index(
            "ix_idempotency_keys_user_id",
            "user_id",
            postgresql_where=text("user_id IS NOT NULL"),
            sqlite_where=text("user_id IS NOT NULL"),
        ),
    )

    def __repr__(self) -> str:
        return f"<IdempotencyKey {self.route} {self.status_code or 'running'}>"
