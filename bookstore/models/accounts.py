"""Users and their login sessions (one session is one family of refresh tokens)."""

from datetime import datetime
from typing import TYPE_CHECKING, Optional

from sqlalchemy import ForeignKey, Index, String, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, UTCDateTime

if TYPE_CHECKING:
    from bookstore.models.cart import ShoppingCart
    from bookstore.models.orders import Order
    from bookstore.models.wishlist import WishList


class User(Model):
    """A person who buys (or, with ``is_staff``, runs the shop)."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    username: Mapped[str] = mapped_column(String(64))
    # Compared without regard to case: "Ann" and "ann" are one person.
    username_key: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    first_name: Mapped[str] = mapped_column(String(100), default="")
    last_name: Mapped[str] = mapped_column(String(100), default="")
    is_staff: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_premium: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    # Who this is at Stripe; made with the first payment.
    stripe_customer_id: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    cart: Mapped[Optional["ShoppingCart"]] = relationship(back_populates="user")
    wishlist: Mapped[Optional["WishList"]] = relationship(back_populates="user")
    orders: Mapped[list["Order"]] = relationship(back_populates="user", order_by="Order.id.desc()")

    __table_args__ = (Index("uq_users_stripe_customer_id", "stripe_customer_id", unique=True),)

    @property
    def label(self) -> str:
        """How histories name this person."""
        return actor_label(self.id, self.is_staff)

    def __repr__(self) -> str:
        roles = [name for name in ("staff", "premium") if getattr(self, f"is_{name}")]
        roles += [] if self.is_active else ["deleted"]
        return f"<User {self.id} {self.username}{' (' + ', '.join(roles) + ')' if roles else ''}>"


def actor_label(user_id: int, is_staff: bool) -> str:
    """Return how histories name a user: by id, since a name is the person's to take back."""
    return f"{'staff' if is_staff else 'user'}:{user_id}"


class LoginSession(Model):
    """One login: a family of refresh tokens of which only the newest is good."""

    __tablename__ = "login_sessions"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    refresh_jti: Mapped[str] = mapped_column(String(36))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_for: Mapped[str | None] = mapped_column(String(32))

    def __repr__(self) -> str:
        state = f"revoked: {self.revoked_for}" if self.revoked_at else "open"
        return f"<LoginSession {self.id[:8]} of user {self.user_id}, {state}>"
