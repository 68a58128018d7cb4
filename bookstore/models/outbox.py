"""The columns of every row that is to leave the service: what is due, who sends it, how it went.

A row is the truth about one message to one target. A worker claims due rows for a while (a
lease), sends them, and writes down what became of each; when it dies, the lease runs out and
another takes over. Queues only wake workers up; they carry nothing that could be lost.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ColumnElement, Index, String, Text, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, UTCDateTime

PENDING, SUCCEEDED, FAILED, SKIPPED = "pending", "succeeded", "failed", "skipped"
STATUSES = (PENDING, SUCCEEDED, FAILED, SKIPPED)


class Outgoing:
    """Mixed into a table of outgoing messages.

    pending: to be sent at ``next_attempt_at``; succeeded; failed: given up; skipped: no longer
    wanted (the account is gone, say).
    """

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    status: Mapped[str] = mapped_column(String(12), default=PENDING)
    # Attempts that ended; one that a dying worker left behind does not count.
    attempts: Mapped[int] = mapped_column(default=0)
    # While a row is leased: when the lease runs out.
    next_attempt_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    lease_owner: Mapped[str | None] = mapped_column(String(32))
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    # Last written to by whom it concerns; in the future only if the clock was set back.
    touched_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


def status_check() -> CheckConstraint:
    """Return the constraint on ``status``; one a table."""
    return CheckConstraint(f"status IN {STATUSES}", name="status")


def due_index(table: str, *first: str) -> Index:
    """Return the index by which due rows are found: pending ones only, so it stays small."""
    pending = text(f"status = '{PENDING}'")
    columns = (*first, "next_attempt_at")
    return Index(f"ix_{table}_due", *columns, postgresql_where=pending, sqlite_where=pending)


def is_pending(table: type[Outgoing]) -> ColumnElement[bool]:
    """Return the condition as the index has it: given as a parameter it would not be used."""
    return table.status == literal_column(f"'{PENDING}'")


def is_failed(table: type[Outgoing]) -> ColumnElement[bool]:
    """Return the condition as an index of what has failed has it, like ``is_pending``."""
    return table.status == literal_column(f"'{FAILED}'")


class OutcomeCount(Model):
    """How many messages of a channel ended how; counted with the outcome, so never lost."""

    __tablename__ = "outcome_counts"

    channel: Mapped[str] = mapped_column(String(12), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(20), primary_key=True)
    count: Mapped[int] = mapped_column(BigId, default=0)

    def __repr__(self) -> str:
        return f"<OutcomeCount {self.channel} {self.outcome}: {self.count}>"
