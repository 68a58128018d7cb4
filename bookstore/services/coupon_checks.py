"""Whether coupons and the orders they were used for agree; ``book_checks`` has the list."""

import json
from typing import Any

from sqlalchemy import Text, cast, func, or_, select

from bookstore import money
from bookstore.models import Coupon, CouponRedemption, Order
from bookstore.services.sql import AnySelect


def _text(minor: int, currency: str) -> str:
    return money.with_code(int(minor), currency)


def discounts() -> AnySelect:
    """Find orders with a discount or coupons, and what their coupons say of it."""
    used = (
        select(
            CouponRedemption.order_id.label("key"),
            func.count().label("n"),
            func.sum(CouponRedemption.amount).label("sum"),
            func.count(CouponRedemption.released_at).label("released"),
        )
        .group_by(CouponRedemption.order_id)
        .subquery()
    )
    return (
        select(
            Order.number,
            Order.status,
            Order.currency,
            Order.discount,
            cast(Order.discounts, Text).label("discounts"),
            func.coalesce(used.c.n, 0).label("n"),
            func.coalesce(used.c.sum, 0).label("sum"),
            func.coalesce(used.c.released, 0).label("released"),
        )
        .outerjoin(used, used.c.key == Order.id)
        .where(or_(Order.discount != 0, Order.discounts != [], used.c.n > 0))
    )


def tell_discounts(row: Any) -> str | None:
    """Say what is wrong with an order's discount, if anything is."""
    used = json.loads(row.discounts)
    amounts = [one["amount"] for one in used]
    off = sum(one["amount"] for one in used if one["kind"] != "free_shipping")
    if off != row.discount:
        said = (
            f"discount {_text(row.discount, row.currency)}, its coupons {_text(off, row.currency)}"
        )
    elif (len(amounts), sum(amounts)) != (row.n, row.sum):
        said = (
            f"{len(amounts)} coupons for {_text(sum(amounts), row.currency)},"
            f" {row.n} redemptions of {_text(row.sum, row.currency)}"
        )
    elif row.released != (row.n if row.status == "cancelled" else 0):
        said = f"{row.status}, and {row.released} of {row.n} coupons released"
    else:
        return None
    return f"order {row.number}: {said}"


def uses() -> AnySelect:
    """Find coupons that count other uses than they have."""
    used = (
        select(CouponRedemption.coupon_id.label("key"), func.count().label("sum"))
        .where(CouponRedemption.released_at.is_(None))
        .group_by(CouponRedemption.coupon_id)
        .subquery()
    )
    return (
        select(Coupon.code, Coupon.used, func.coalesce(used.c.sum, 0).label("redeemed"))
        .outerjoin(used, used.c.key == Coupon.id)
        .where(Coupon.used != func.coalesce(used.c.sum, 0))
    )
