"""Coupons: when they apply, and that their limits hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, case, func, insert, select, update
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.models import CartCoupon, Coupon, CouponRedemption, Order, ShoppingCart
from bookstore.models.coupons import coupon_books, coupon_categories
from bookstore.services import pricing

# Why a coupon does not apply, as clients and people are told.
REASONS = {
    "unknown": "There is no such coupon.",
    "inactive": "This coupon is no longer valid.",
    "not_started": "This coupon is not valid yet.",
    "expired": "This coupon has expired.",
    "used_up": "This coupon has been used up.",
    "used_by_you": "You have used this coupon as often as you may.",
    "min_subtotal": "Your order is too small for this coupon.",
    "not_for_these_books": "This coupon is not for any of these books.",
    "not_with_others": "This coupon cannot be used together with another.",
}


@dataclass(frozen=True, slots=True)
class Held:
    """A coupon on a cart: its terms, and why it does not apply (None: as far as one can say
    without the lines, it does)."""

    id: int
    terms: pricing.Coupon
    usage_limit: int | None
    refusal: str | None


def on_cart(session: Session, cart: ColumnElement[bool], user_id: int | None) -> list[Held]:
    """Return the coupons on the cart that ``cart`` (a condition) picks, in their order.

    One statement, two more when one of them is for certain books only.
    """
    mine = (
        select(func.count())
        .select_from(CouponRedemption)
        .where(
            CouponRedemption.coupon_id == Coupon.id,
            CouponRedemption.user_id == (user_id or 0),
            CouponRedemption.released_at.is_(None),
        )
        .scalar_subquery()
    )
    rows = session.execute(
        select(Coupon.__table__, case((Coupon.per_user_limit.is_not(None), mine)).label("mine"))
        .select_from(CartCoupon)
        .join(ShoppingCart, ShoppingCart.id == CartCoupon.cart_id)
        .join(Coupon, Coupon.id == CartCoupon.coupon_id)
        .where(cart)
        .order_by(CartCoupon.id)
    ).all()
    scopes = _scopes(session, [row.id for row in rows if row.restricted])
    held = []
    for row in rows:
        books, categories = scopes.get(row.id, (frozenset(), frozenset()))
        terms = pricing.Coupon(
            row.code,
            row.kind,
            row.value,
            row.min_subtotal,
            row.restricted,
            category_ids=categories,
            book_ids=books,
        )
        held.append(Held(row.id, terms, row.usage_limit, _refusal(row)))
    return held


def redeem(session: Session, order: Order, used: Sequence[tuple[Held, int]]) -> None:
    """Write down that a new order used coupons, with what each took off.

    The buyer's cart is locked, so that per-user counts hold; the limit for all is held by a
    conditional UPDATE, which only coupons that have one need.

    Raises:
        CouponInvalid: it was used up a moment ago.
    """
    for held, _ in sorted(used, key=lambda pair: pair[0].id):
        if held.usage_limit is not None:
            taken = session.execute(
                update(Coupon)
                .where(Coupon.id == held.id, Coupon.used < Coupon.usage_limit)
                .values(used=Coupon.used + 1, updated_at=Coupon.updated_at)
                .returning(Coupon.id)
                .execution_options(synchronize_session=False)
            ).first()
            if taken is None:
                raise refused(held.terms.code, "used_up")
    if used:
        now = clock.now()
        session.execute(
            insert(CouponRedemption),
            [
                {
                    "coupon_id": held.id,
                    "order_id": order.id,
                    "user_id": order.user_id,
                    "amount": amount,
                    "created_at": now,
                }
                for held, amount in used
            ],
        )


def release(session: Session, order: Order) -> None:
    """Let the coupons of a locked, cancelled order be used again; the second time nothing."""
    released = session.scalars(
        update(CouponRedemption)
        .where(CouponRedemption.order_id == order.id, CouponRedemption.released_at.is_(None))
        .values(released_at=clock.now())
        .returning(CouponRedemption.coupon_id)
        .execution_options(synchronize_session=False)
    ).all()
    for coupon_id in sorted(released):
        session.execute(
            update(Coupon)
            .where(Coupon.id == coupon_id, Coupon.usage_limit.is_not(None), Coupon.used > 0)
            .values(used=Coupon.used - 1, updated_at=Coupon.updated_at)
            .execution_options(synchronize_session=False)
        )


def refused(code: str, reason: str) -> errors.CouponInvalid:
    """Return the refusal of a coupon for one of ``REASONS``."""
    return errors.CouponInvalid(REASONS[reason], coupon=code, reason=reason)


def _refusal(row: Any) -> str | None:
    now = clock.now()
    if not row.is_active:
        return "inactive"
    if row.starts_at is not None and now < row.starts_at:
        return "not_started"
    if row.ends_at is not None and now >= row.ends_at:
        return "expired"
    if row.usage_limit is not None and row.used >= row.usage_limit:
        return "used_up"
    mine = getattr(row, "mine", None)
    if row.per_user_limit is not None and mine is not None and mine >= row.per_user_limit:
        return "used_by_you"
    return None


def _scopes(
    session: Session, coupon_ids: Sequence[int]
) -> dict[int, tuple[frozenset[int], frozenset[int]]]:
    """Return coupon id → (book ids, category ids)."""
    if not coupon_ids:
        return {}
    books = select(coupon_books.c.coupon_id, coupon_books.c.book_id)
    categories = select(coupon_categories.c.coupon_id, coupon_categories.c.category_id)
    found: dict[int, tuple[set[int], set[int]]] = {id_: (set(), set()) for id_ in coupon_ids}
    for id_, book_id in session.execute(books.where(coupon_books.c.coupon_id.in_(coupon_ids))):
        found[id_][0].add(book_id)
    for id_, category_id in session.execute(
        categories.where(coupon_categories.c.coupon_id.in_(coupon_ids))
    ):
        found[id_][1].add(category_id)
    return {id_: (frozenset(b), frozenset(c)) for id_, (b, c) in found.items()}
