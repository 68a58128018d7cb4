"""Events: what happened, in the bytes in which everybody is told."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, UTCDateTime


class Event(Model):
    """One thing that happened; written in the transaction in which it did."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # What receivers know it by: the same on every attempt and replay.
    public_id: Mapped[str] = mapped_column(String(40), unique=True)
    type: Mapped[str] = mapped_column(String(60))
    # What it happened to; ``sequence`` counts the events of that, from 1.
    aggregate: Mapped[str] = mapped_column(String(20))
    aggregate_id: Mapped[int] = mapped_column(BigId)
    sequence: Mapped[int]
    # Whom it concerns: mail, push and notifications go to that user.
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    # The database's transaction (0 on SQLite, which writes one after the other). Numbers are
    # given before commits, so ids alone can appear behind one's back; see services/events.py.
    transaction_id: Mapped[int] = mapped_column(BigInteger)
    # Serialised once; these very bytes are signed and sent, each time.
    body: Mapped[bytes] = mapped_column(LargeBinary)
    # The span in which it happened (W3C), so that what follows from it joins that trace.
    traceparent: Mapped[str | None] = mapped_column(String(55))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, index=True)

    __table_args__ = (
        UniqueConstraint("aggregate", "aggregate_id", "sequence"),
        Index("ix_events_transaction_id_id", "transaction_id", "id"),
    )

    def __repr__(self) -> str:
        return f"<Event {self.public_id} {self.type} {self.aggregate} {self.aggregate_id}>"
