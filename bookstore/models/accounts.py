"""Users, their login sessions (one session is one family of refresh tokens), second factors."""

from datetime import datetime
from typing import TYPE_CHECKING, Optional

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    false,
    text,
    true,
)
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
    # When a link that was sent to the present address came back.
    email_verified_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Who this is at Stripe; made with the first payment.
    stripe_customer_id: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    cart: Mapped[Optional["ShoppingCart"]] = relationship(back_populates="user")
    wishlist: Mapped[Optional["WishList"]] = relationship(back_populates="user")
    orders: Mapped[list["Order"]] = relationship(back_populates="user", order_by="Order.id.desc()")

    __table_args__ = (
        Index("uq_users_stripe_customer_id", "stripe_customer_id", unique=True),
        # Of a million a handful.
        Index(
            "ix_users_staff", "id", postgresql_where=text("is_staff"), sqlite_where=text("is_staff")
        ),
    )

    @property
    def email_verified(self) -> bool:
        """Whether mail to the present address has been read by who has the account."""
        return self.email_verified_at is not None

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
    # For their owner, to tell one login from another.
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime, default=clock.now)
    user_agent: Mapped[str] = mapped_column(String(200), default="", server_default="")
    address: Mapped[str | None] = mapped_column(String(45))

    def __repr__(self) -> str:
        state = f"revoked: {self.revoked_for}" if self.revoked_at else "open"
        return f"<LoginSession {self.id[:8]} of user {self.user_id}, {state}>"


class Totp(Model):
    """The secret that a person's authenticator app shares with the shop (RFC 6238)."""

    __tablename__ = "totps"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    secret: Mapped[bytes] = mapped_column(LargeBinary)  # sealed
    # The step (Unix time by 30 s) of the last code that was taken: it and older ones are used up.
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    # Asked for at logins from then on.
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    def __repr__(self) -> str:
        return f"<Totp of user {self.user_id}, {'on' if self.confirmed_at else 'not confirmed'}>"


class RecoveryCode(Model):
    """A code on paper for who has lost the app; good once, and kept as a digest."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    def __repr__(self) -> str:
        return (
            f"<RecoveryCode {self.id} of user {self.user_id}, {'used' if self.used_at else 'good'}>"
        )
