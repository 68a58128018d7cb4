"""Coupons: what they take off, for whom and how often, on which carts they lie, who used them."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bookstore import clock
from bookstore.extensions import Model, db
from bookstore.models.catalog import Book, Category
from bookstore.models.types import BigId, UTCDateTime

KINDS = ("percent", "fixed", "free_shipping")

coupon_categories = Table(
    "coupon_categories",
    db.metadata,
    Column("coupon_id", ForeignKey("coupons.id", ondelete="CASCADE"), primary_key=True),
    Column("category_id", ForeignKey("categories.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_coupon_categories_category_id", "category_id"),
)

coupon_books = Table(
    "coupon_books",
    db.metadata,
    Column("coupon_id", ForeignKey("coupons.id", ondelete="CASCADE"), primary_key=True),
    Column("book_id", ForeignKey("books.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_coupon_books_book_id", "book_id"),
)


class Coupon(Model):
    """A code that makes an order cheaper.

    ``value`` is thousandths of a percent for kind ``percent`` (10 % is 10,000), minor units for
    ``fixed``, and 0 for ``free_shipping``. ``restricted`` says whether only certain books count:
    kept apart from the two lists, so that a coupon whose last category is deleted is for nothing
    rather than for everything.
    """

    __tablename__ = "coupons"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # In capitals: buyers type codes as they like.
    code: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    value: Mapped[int] = mapped_column(BigId, default=0)
    starts_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    min_subtotal: Mapped[int] = mapped_column(BigId, default=0)
    usage_limit: Mapped[int | None]
    per_user_limit: Mapped[int | None]
    # Redemptions that are not released; moved by a conditional UPDATE, so that a limit holds.
    used: Mapped[int] = mapped_column(default=0)
    stackable: Mapped[bool] = mapped_column(default=False, server_default=false())
    restricted: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    categories: Mapped[list[Category]] = relationship(
        secondary=coupon_categories, order_by=Category.id
    )
    books: Mapped[list[Book]] = relationship(secondary=coupon_books, order_by=Book.id)

    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint(
            "(kind = 'percent' AND value BETWEEN 1 AND 100000)"
            " OR (kind = 'fixed' AND value >= 1) OR (kind = 'free_shipping' AND value = 0)",
            name="value",
        ),
        CheckConstraint("min_subtotal >= 0", name="min_subtotal"),
        CheckConstraint("usage_limit IS NULL OR usage_limit >= 1", name="usage_limit"),
        CheckConstraint("per_user_limit IS NULL OR per_user_limit >= 1", name="per_user_limit"),
        CheckConstraint("used >= 0", name="used"),
    )

    def __repr__(self) -> str:
        return f"<Coupon {self.id} {self.code} {self.kind} {self.value}, used {self.used}>"


class CartCoupon(Model):
    """A coupon on a cart, in the order in which they were put there."""

    __tablename__ = "cart_coupons"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    cart_id: Mapped[int] = mapped_column(ForeignKey("shopping_carts.id", ondelete="CASCADE"))
    coupon_id: Mapped[int] = mapped_column(ForeignKey("coupons.id", ondelete="CASCADE"), index=True)
    added_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)

    __table_args__ = (UniqueConstraint("cart_id", "coupon_id"),)

    def __repr__(self) -> str:
        return f"<CartCoupon {self.coupon_id} on cart {self.cart_id}>"


class CouponRedemption(Model):
    """A coupon used by an order; counts until it is released, which happens once."""

    __tablename__ = "coupon_redemptions"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    coupon_id: Mapped[int] = mapped_column(ForeignKey("coupons.id", ondelete="RESTRICT"))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    # What it took off, in minor units; for free shipping, what the shipping would have cost.
    amount: Mapped[int] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    released_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        UniqueConstraint("coupon_id", "order_id"),
        CheckConstraint("amount >= 0", name="amount"),
        Index("ix_coupon_redemptions_coupon_id_user_id", "coupon_id", "user_id"),
        Index("ix_coupon_redemptions_user_id", "user_id"),
    )

    def __repr__(self) -> str:
        state = "released" if self.released_at else "used"
        return f"<CouponRedemption coupon {self.coupon_id} {state} by order {self.order_id}>"
