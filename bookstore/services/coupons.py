"""Coupons: when they apply, and that their limits hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    bindparam,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.models import CartCoupon, Coupon, CouponRedemption, Order, ShoppingCart
from bookstore.models.catalog import book_categories
from bookstore.models.coupons import coupon_books, coupon_categories
from bookstore.prepared import Prepared
from bookstore.services import pricing
from bookstore.services.cart_lines import Which
from bookstore.services.sql import AnySelect
from bookstore.unit_of_work import execute

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


_COUPON = Coupon.__table__
_REDEEMING = Prepared(insert(CouponRedemption.__table__).inline())
_COUNTING = Prepared(
    update(_COUPON)
    .where(
        _COUPON.c.id == bindparam("coupon"),
        or_(_COUPON.c.usage_limit.is_(None), _COUPON.c.used < _COUPON.c.usage_limit),
    )
    .values(used=_COUPON.c.used + 1, updated_at=_COUPON.c.updated_at)
    .returning(_COUPON.c.id)
)


@dataclass(frozen=True, slots=True)
class Held:
    """A coupon on a cart: its terms, and why it does not apply (None: as far as one can say
    without the lines, it does)."""

    id: int
    terms: pricing.Coupon
    refusal: str | None


def on_cart(session: Session, cart: Which, user_id: int | None) -> list[Held]:
    """Return the coupons on a cart, in their order.

    One statement, one more when one of them is for certain books only.
    """
    by, value = cart
    query = (
        select(Coupon.__table__, _uses_by(user_id))
        .select_from(CartCoupon)
        .join(ShoppingCart, ShoppingCart.id == CartCoupon.cart_id)
        .join(Coupon, Coupon.id == CartCoupon.coupon_id)
        .where(getattr(ShoppingCart, by) == value)
        .order_by(CartCoupon.id)
    )
    return _held(session, query)


def by_code(session: Session, code: str, user_id: int | None) -> Held | None:
    """Return the coupon with this code, as ``on_cart`` would; None when there is none.

    Case, and blanks around it, do not count. Nobody can remove it until the transaction ends.
    """
    query = select(Coupon.__table__, _uses_by(user_id)).where(Coupon.code == as_kept(code))
    query = query.with_for_update(read=True, key_share=True, of=Coupon)
    return next(iter(_held(session, query)), None)


def as_kept(code: str) -> str:
    """Return a code as the table has it, however it was typed."""
    return code.strip().upper()


def shelves(
    session: Session, held: Sequence[Held], book_ids: Sequence[int]
) -> dict[int, frozenset[int]]:
    """Return book id → ids of its categories, if a coupon asks for any (then one statement)."""
    found: dict[int, set[int]] = {}
    if any(one.terms.category_ids for one in held):
        pairs = select(book_categories.c.book_id, book_categories.c.category_id)
        for book_id, category_id in session.execute(
            pairs.where(book_categories.c.book_id.in_(book_ids))
        ):
            found.setdefault(book_id, set()).add(category_id)
    return {book_id: frozenset(ids) for book_id, ids in found.items()}


def _uses_by(user_id: int | None) -> ColumnElement[Any]:
    """Return how often a user has used a coupon that counts this; a guest is asked later."""
    mine = (
        select(func.count())
        .select_from(CouponRedemption)
        .where(
            CouponRedemption.coupon_id == Coupon.id,
            CouponRedemption.user_id == (user_id or 0),
            CouponRedemption.released_at.is_(None),
        )
        .correlate(Coupon)
        .scalar_subquery()
    )
    return case((Coupon.per_user_limit.is_not(None), mine)).label("mine")


def _held(session: Session, query: AnySelect) -> list[Held]:
    rows = session.execute(query).all()
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
            stackable=row.stackable,
        )
        held.append(Held(row.id, terms, _refusal(row)))
    return held


def redeem(session: Session, order: Order, used: Sequence[tuple[Held, int]]) -> None:
    """Write down that a new order used coupons, with what each took off.

    The buyer's cart is locked, so that per-user counts hold. The limit for all is held by counting
    in the coupon's row, where one order at a time can be: call this late, and before the coupons
    are taken off the cart (who removes a coupon holds it, and waits for the carts).

    Every coupon is counted, limited or not, so that a limit that is set later is right at once. To
    count only then would mean to wait for a moment in which no order uses it.

    Raises:
        CouponInvalid: it was used up, or removed, a moment ago.
    """
    for held, amount in sorted(used, key=lambda pair: pair[0].id):
        _count(session, held.id, held.terms.code)
        row = {
            "coupon_id": held.id,
            "order_id": order.id,
            "user_id": order.user_id,
            "amount": amount,
            "created_at": clock.now(),
        }
        execute(session, _REDEEMING, row)


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
            .where(Coupon.id == coupon_id, Coupon.used > 0)
            .values(used=Coupon.used - 1, updated_at=Coupon.updated_at)
            .execution_options(synchronize_session=False)
        )


def reclaim(session: Session, order: Order) -> None:
    """Have the coupons of a locked order that is reopened count again.

    The buyer's cart is locked, as for a new order, so that per-user counts hold.

    Raises:
        CouponInvalid: somebody else, or the buyer, has had the last use meanwhile.
    """
    mine = CouponRedemption.order_id == order.id
    codes = select(Coupon.id, Coupon.code, Coupon.per_user_limit, _uses_by(order.user_id))
    for coupon_id, code, limit, uses in session.execute(
        codes.join(CouponRedemption)
        .where(mine, CouponRedemption.released_at.is_not(None))
        .order_by(Coupon.id)
    ).all():
        if limit is not None and uses >= limit:
            raise refused(code, "used_by_you")
        _count(session, coupon_id, code)
    session.execute(
        update(CouponRedemption)
        .where(mine)
        .values(released_at=None)
        .execution_options(synchronize_session=False)
    )


def _count(session: Session, coupon_id: int, code: str) -> None:
    """Count one use; raises CouponInvalid when there is none left."""
    if execute(session, _COUNTING, {"coupon": coupon_id}).first() is None:
        there = session.scalar(select(Coupon.id).where(Coupon.id == coupon_id))
        raise refused(code, "unknown" if there is None else "used_up")


def refused(code: str, reason: str) -> errors.CouponInvalid:
    """Return the refusal of a coupon for one of ``REASONS``."""
    return errors.CouponInvalid(REASONS[reason], coupon=code, reason=reason)


def is_unknown(error: errors.BookstoreError) -> bool:
    """Return whether a refusal says that there is no such coupon."""
    return isinstance(error, errors.CouponInvalid) and error.extra.get("reason") == "unknown"


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
    books = select(coupon_books.c.coupon_id, literal(0), coupon_books.c.book_id)
    categories = select(coupon_categories.c.coupon_id, literal(1), coupon_categories.c.category_id)
    both = union_all(
        books.where(coupon_books.c.coupon_id.in_(coupon_ids)),
        categories.where(coupon_categories.c.coupon_id.in_(coupon_ids)),
    )
    found: dict[int, tuple[set[int], set[int]]] = {id_: (set(), set()) for id_ in coupon_ids}
    for id_, of, ref in session.execute(both):
        found[id_][of].add(ref)
    return {id_: (frozenset(b), frozenset(c)) for id_, (b, c) in found.items()}
