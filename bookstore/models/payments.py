"""Payments, refunds, and the events of the payment provider that have taken effect."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, UTCDateTime

# Stripe's words for where a payment intent stands; ``new`` is ours, before Stripe has answered.
INTENT_STATUSES = (
    "new",
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "requires_capture",
    "succeeded",
    "canceled",
)
FINAL = ("succeeded", "canceled")
REFUND_STATUSES = ("pending", "succeeded", "failed")
# Disputes that are open. While one of the first kind is, the bank has the money; the others are
# mere inquiries, which a refund may settle.
WITHDRAWN = ("needs_response", "under_review")
INQUIRIES = ("warning_needs_response", "warning_under_review")
OPEN_DISPUTES = (*WITHDRAWN, *INQUIRIES)


class Payment(Model):
    """One payment intent for one order: the row is there before Stripe is asked.

    ``attempt`` counts an order's intents and is part of the idempotency key, so that whoever asks
    again after a crash gets the same intent. Of an order's payments at most one is live.
    """

    __tablename__ = "payments"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"))
    attempt: Mapped[int] = mapped_column(default=1)
    is_live: Mapped[bool] = mapped_column(default=True, server_default=true())
    customer_id: Mapped[str] = mapped_column(String(255))
    intent_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    # Sealed: with it a browser may pay.
    client_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3), active_history=True)
    status: Mapped[str] = mapped_column(String(30), default="new")
    amount_received: Mapped[int] = mapped_column(BigId, default=0, active_history=True)
    # Refunds that are under way or done: raised before Stripe is asked, never above what came.
    amount_refunded: Mapped[int] = mapped_column(BigId, default=0)
    # What the buyer's bank took back for good, by a dispute that the shop has lost.
    amount_withdrawn: Mapped[int] = mapped_column(
        BigId, default=0, server_default=text("0"), active_history=True
    )
    # Stripe's word for the worst of its disputes; None: there was none.
    dispute_status: Mapped[str | None] = mapped_column(String(30))
    last_dispute_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # The order needs it no more: to be cancelled at Stripe by whoever finds it.
    is_unwanted: Mapped[bool] = mapped_column(default=False)
    failure_code: Mapped[str | None] = mapped_column(String(60))
    # When Stripe made the newest event that was looked at: an older one changes nothing.
    last_event_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    __table_args__ = (
        UniqueConstraint("order_id", "attempt"),
        CheckConstraint(f"status IN {INTENT_STATUSES}", name="status"),
        CheckConstraint("amount >= 1", name="amount"),
        CheckConstraint(
            "amount_refunded >= 0 AND amount_withdrawn >= 0"
            " AND amount_refunded + amount_withdrawn <= amount_received",
            name="refunded",
        ),
        Index(
            "uq_payments_live",
            "order_id",
            unique=True,
            postgresql_where=text("is_live"),
            sqlite_where=text("is_live"),
        ),
        Index("ix_payments_created_at", "created_at"),
        Index(
            "ix_payments_unwanted",
            "id",
            postgresql_where=text("is_unwanted"),
            sqlite_where=text("is_unwanted"),
        ),
    )

    @property
    def refundable(self) -> int:
        """What of it may be given back, in minor units; nothing while a bank holds the money."""
        if self.dispute_status in WITHDRAWN:
            return 0
        return self.amount_received - self.amount_refunded - self.amount_withdrawn

    def __repr__(self) -> str:
        return f"<Payment {self.id} of order {self.order_id} {self.status} {self.amount}>"


class Refund(Model):
    """Money given back: the row reserves its amount; Stripe is asked afterwards, by its id.

    ``key`` is the idempotency key that Stripe is asked with; None for a refund that somebody made
    at Stripe itself. A failed one no longer counts.
    """

    __tablename__ = "refunds"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id", ondelete="RESTRICT"))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"), index=True)
    refund_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(12), default="pending", active_history=True)
    reason: Mapped[str] = mapped_column(String(500), default="")
    restock: Mapped[bool] = mapped_column(default=False)
    actor: Mapped[str] = mapped_column(String(100))
    failure: Mapped[str | None] = mapped_column(Text)
    # While it is to be sent: when to try, and how often it was.
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UTCDateTime, default=clock.now)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    __table_args__ = (
        CheckConstraint(f"status IN {REFUND_STATUSES}", name="status"),
        CheckConstraint("amount >= 1", name="amount"),
        Index("ix_refunds_payment_id", "payment_id"),
        Index("ix_refunds_created_at", "created_at"),
        Index(
            "ix_refunds_due",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
            sqlite_where=text("next_attempt_at IS NOT NULL"),
        ),
    )

    def __repr__(self) -> str:
        return f"<Refund {self.id} of order {self.order_id} {self.status} {self.amount}>"


class StripeEvent(Model):
    """An event that has taken effect: written in the same transaction, so it does so once."""

    __tablename__ = "stripe_events"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    type: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, index=True)

    def __repr__(self) -> str:
        return f"<StripeEvent {self.id} {self.type}>"
