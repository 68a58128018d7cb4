"""Work that somebody asked for and may watch: reports, imports, changes of many prices."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, Json, UTCDateTime

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = STATUSES = (
    "queued",
    "running",
    "succeeded",
    "failed",
    "cancelled",
)
UNFINISHED = (QUEUED, RUNNING)


class Job(Model):
    """One job: written with what it belongs to, so that nothing accepted is ever forgotten.

    While it is not finished, ``next_attempt_at`` says when somebody may work on it; who does moves
    it on as long as they live. ``version`` grows with each change that is told to who watches.
    """

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    # Who asked for it, and how histories name them.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    actor: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(12), default=QUEUED)
    parameters: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    done: Mapped[int] = mapped_column(BigId, default=0)
    # None: nobody knows yet.
    total: Mapped[int | None] = mapped_column(BigId)
    # Where it goes on when it was interrupted; the kind's own.
    state: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    result: Mapped[dict[str, Any] | None] = mapped_column(Json)
    # Of each: name, key (in the store), content_type and size.
    files: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    error_code: Mapped[str | None] = mapped_column(String(60))
    error: Mapped[str | None] = mapped_column(String(500))
    version: Mapped[int] = mapped_column(default=1)
    # Those that began since it last got on.
    attempts: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(32))
    next_attempt_at: Mapped[datetime | None] = mapped_column(UTCDateTime, default=clock.now)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        # What is over waits for nobody, and says when it was over.
        CheckConstraint(
            f"(status IN {UNFINISHED}) = (next_attempt_at IS NOT NULL)", name="next_attempt_at"
        ),
        CheckConstraint(f"(status IN {UNFINISHED}) = (finished_at IS NULL)", name="finished_at"),
        Index("ix_jobs_user_id_id", "user_id", "id"),
        Index("ix_jobs_finished_at", "finished_at"),
        Index(
            "ix_jobs_due",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
            sqlite_where=text("next_attempt_at IS NOT NULL"),
        ),
    )

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.kind} {self.status}>"
