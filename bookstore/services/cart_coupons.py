"""The coupons on a cart: put there, taken away, shown with what they take off."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from bookstore import clock, money
from bookstore.extensions import settings
from bookstore.models import CartCoupon
from bookstore.services import coupons, pricing
from bookstore.services.coupons import Held

# What a cart without coupons shows of them.
NONE: Mapping[str, Any] = MappingProxyType({"coupon": None, "coupons": [], "discount": 0})


def put(
    session: Session, cart_id: int, code: str, user_id: int | None, rows: Sequence[Any]
) -> None:
    """Put a coupon on a locked cart. Unless all are stackable, it takes the others' place.

    Args:
        session: of the present transaction.
        cart_id: a cart that this transaction has locked, so that two cannot both be the only one.
        code: as it was typed.
        user_id: whose cart; None: a guest's. What depends on who buys is asked again at the order.
        rows: the cart's lines, each with the ``id`` of a book, ``quantity`` and ``price``.

    Raises:
        CouponInvalid: there is no such coupon, or it does not apply to this cart as it is.
    """
    new = coupons.by_code(session, code, user_id)
    if new is None:
        raise coupons.refused(coupons.as_kept(code), "unknown")
    why = new.refusal or new.terms.refusal(_lines(session, rows, [new]))
    if why is not None:
        raise coupons.refused(new.terms.code, why)
    held = coupons.on_cart(session, ("id", cart_id), user_id)
    others = [one for one in held if one.id != new.id]
    # First in, then out: who removes a coupon from the shop holds the coupon and waits for the
    # rows on carts, so nothing may be waited for the other way round.
    if len(others) == len(held):
        row = {"cart_id": cart_id, "coupon_id": new.id, "added_at": clock.now()}
        session.execute(insert(CartCoupon), [row])
    if others and not all(one.terms.stackable for one in (new, *others)):
        session.execute(
            delete(CartCoupon)
            .where(CartCoupon.cart_id == cart_id, CartCoupon.coupon_id != new.id)
            .execution_options(synchronize_session=False)
        )


def shown(session: Session, rows: Sequence[Any], held: Sequence[Held]) -> dict[str, Any]:
    """Return what a cart with these lines shows of its coupons.

    Args:
        session: to read with.
        rows: as ``put`` takes them.
        held: the coupons on it, in their order; at least one.

    Returns:
        coupons [{code, kind, discount, applies, reason, detail}], coupon (the first of them) and
        discount (the sum); amounts in minor units. Free shipping takes nothing
        off here: how the order is sent, and whether that costs anything, is not known yet.
    """
    lines = _lines(session, rows, held)
    good = [one.terms for one in held if one.refusal is None]
    quote = pricing.quote(lines, coupons=good, unit=money.unit(settings().currency))
    amounts = {discount.code: discount.amount for discount in quote.discounts}
    found = []
    for one in held:
        code, kind = one.terms.code, one.terms.kind
        why = one.refusal or quote.refusals.get(code)
        found.append(
            {
                "code": code,
                "kind": kind,
                "discount": amounts.get(code, 0),
                "applies": why is None,
                "reason": why,
                "detail": None if why is None else coupons.REASONS[why],
            }
        )
    return {
        "coupon": found[0],
        "coupons": found,
        "discount": quote.discount,
    }


def _lines(session: Session, rows: Sequence[Any], held: Sequence[Held]) -> list[pricing.Line]:
    shelves = coupons.shelves(session, held, [row.id for row in rows])
    # By book, as an order has them: of equal remainders the first line gets more.
    return [
        pricing.Line(row.id, row.quantity, row.price, category_ids=shelves.get(row.id, frozenset()))
        for row in sorted(rows, key=lambda row: int(row.id))
    ]
