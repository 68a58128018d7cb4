"""What staff has done."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, Json, UTCDateTime


class AuditEntry(Model):
    """One thing that staff did, or somebody at the command line; never changed afterwards.

    ``target_id`` is text, since some things are known by a code or a number.
    """

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    actor: Mapped[str] = mapped_column(String(100))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    # No foreign key: the entry outlives the key.
    key_id: Mapped[int | None] = mapped_column(BigId)
    action: Mapped[str] = mapped_column(String(100))
    target_kind: Mapped[str | None] = mapped_column(String(40))
    target_id: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(128))
    address: Mapped[str | None] = mapped_column(String(45))
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    __table_args__ = (
        Index("ix_audit_entries_actor_id", "actor", "id"),
        Index("ix_audit_entries_action_id", "action", "id"),
        Index("ix_audit_entries_target", "target_kind", "target_id", "id"),
        Index("ix_audit_entries_user_id", "user_id"),
        Index("ix_audit_entries_at", "at"),
    )

    @property
    def target(self) -> dict[str, str | None] | None:
        """What it is about: ``kind`` and ``id``."""
        if self.target_kind is None:
            return None
        return {"kind": self.target_kind, "id": self.target_id}

    def __repr__(self) -> str:
        return f"<AuditEntry {self.id} {self.actor} {self.action} {self.target_kind}>"
