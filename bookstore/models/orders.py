"""Orders: what was bought, at which price, and where it stands."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.accounts import User
from bookstore.models.catalog import Book
from bookstore.models.types import BigId, Json, UTCDateTime

# From each status, the ones an order may move to; delivered and cancelled are final.
TRANSITIONS: dict[str, tuple[str, ...]] = {
    "pending": ("processing", "cancelled"),
    "processing": ("shipped", "cancelled"),
    "shipped": ("delivered",),
    "delivered": (),
    "cancelled": (),
}
STATUSES = tuple(TRANSITIONS)
PAYMENT_STATUSES = (
    "unpaid",
    "processing",
    "paid",
    "failed",
    "partially_refunded",
    "refunded",
    "review",
)


class Order(Model):
    """An order; every amount is in minor units of ``currency`` and they always add up."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    # What sums of sales are made of is known even if it had expired when it is changed.
    status: Mapped[str] = mapped_column(String(20), default="pending", active_history=True)
    payment_status: Mapped[str] = mapped_column(String(20), default="unpaid", active_history=True)
    subtotal: Mapped[int] = mapped_column(BigId)
    discount: Mapped[int] = mapped_column(BigId, default=0)
    shipping: Mapped[int] = mapped_column(BigId, default=0)
    # Added to the price; what prices already contain is ``tax_included``.
    tax: Mapped[int] = mapped_column(BigId, default=0)
    tax_included: Mapped[int] = mapped_column(BigId, default=0, server_default=text("0"))
    # As quoted, for the receipt: [{category, percent, inclusive, base, tax}], amounts in minor
    # units, percent in thousandths; and [{code, kind, amount}] of the coupons used.
    tax_lines: Mapped[list[dict[str, Any]]] = mapped_column(
        Json, default=list, server_default=text("'[]'")
    )
    discounts: Mapped[list[dict[str, Any]]] = mapped_column(
        Json, default=list, server_default=text("'[]'")
    )
    total_amount: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    shipping_method: Mapped[str] = mapped_column(String(50))
    shipping_address: Mapped[dict[str, Any]] = mapped_column(Json)
    tracking_number: Mapped[str | None] = mapped_column(String(100))
    # Unpaid by then, a pending order is cancelled; None: it may wait for ever.
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Cancelled because it was; a payment that comes in later may reopen it.
    has_expired: Mapped[bool] = mapped_column(default=False, server_default=false())
    paid_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Its copies are on sale again, by cancelling it or by a refund: that happens once.
    stock_returned: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Grows by one with every change; live tracking and clients order states by it.
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    user: Mapped[User] = relationship(back_populates="orders")
    items: Mapped[list["OrderItem"]] = relationship(
        back_populates="order", cascade="all, delete-orphan", order_by="OrderItem.id"
    )
    events: Mapped[list["OrderEvent"]] = relationship(
        back_populates="order", cascade="all, delete-orphan", order_by="OrderEvent.id"
    )

    __table_args__ = (
        CheckConstraint(
            "total_amount = subtotal - discount + shipping + tax AND total_amount >= 0",
            name="total",
        ),
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint(f"payment_status IN {PAYMENT_STATUSES}", name="payment_status"),
        Index("ix_orders_user_id_id", "user_id", "id"),
        Index("ix_orders_status_id", "status", "id"),
        Index("ix_orders_payment_status_id", "payment_status", "id"),
        Index("ix_orders_created_at", "created_at"),
        Index(
            "ix_orders_expires_at",
            "expires_at",
            postgresql_where=text("status = 'pending' AND expires_at IS NOT NULL"),
            sqlite_where=text("status = 'pending' AND expires_at IS NOT NULL"),
        ),
    )

    def can_move_to(self, status: str) -> bool:
        """Whether ``status`` is a legal next status."""
        return status in TRANSITIONS[self.status]

    def __repr__(self) -> str:
        return f"<Order {self.id} {self.number} {self.status} {self.total_amount} {self.currency}>"


class OrderItem(Model):
    """A line as it was when ordered: the price is locked, whatever the book costs later."""

    __tablename__ = "order_items"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="RESTRICT"), index=True)
    title: Mapped[str] = mapped_column(String(500))
    isbn: Mapped[str | None] = mapped_column(String(13))
    quantity: Mapped[int]
    price: Mapped[int] = mapped_column(BigId)
    # The line's share of the order's discount, and its tax: added, or contained in the price.
    discount: Mapped[int] = mapped_column(BigId, default=0, server_default=text("0"))
    tax: Mapped[int] = mapped_column(BigId, default=0, server_default=text("0"))
    # Thousandths of a percent; None: not taxed.
    tax_percent: Mapped[int | None]

    order: Mapped[Order] = relationship(back_populates="items")
    book: Mapped[Book] = relationship()

    __table_args__ = (
        UniqueConstraint("order_id", "book_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("discount BETWEEN 0 AND price * quantity", name="discount"),
        CheckConstraint("tax >= 0", name="tax"),
    )

    @property
    def line_total(self) -> int:
        """Quantity times the locked price, in minor units."""
        return self.quantity * self.price

    @property
    def currency(self) -> str:
        """The order's."""
        return self.order.currency

    def __repr__(self) -> str:
        return f"<OrderItem {self.quantity} x {self.title!r} at {self.price}>"


class OrderEvent(Model):
    """One line of an order's history."""

    __tablename__ = "order_events"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"))
    from_status: Mapped[str | None] = mapped_column(String(20))
    to_status: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(100))
    note: Mapped[str] = mapped_column(Text, default="")
    # For staff alone: what a bank says of the buyer, say.
    is_internal: Mapped[bool] = mapped_column(default=False, server_default=false())
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)

    order: Mapped[Order] = relationship(back_populates="events")

    __table_args__ = (Index("ix_order_events_order_id_id", "order_id", "id"),)

    def __repr__(self) -> str:
        return f"<OrderEvent {self.from_status} -> {self.to_status} by {self.actor}>"
