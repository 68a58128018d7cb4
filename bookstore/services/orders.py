"""Orders: placed from a cart in one transaction, then moved along by staff."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from bookstore import errors, money
from bookstore.extensions import db, settings
from bookstore.models import Order, OrderEvent
from bookstore.models.orders import TRANSITIONS
from bookstore.services import (
    cancellations,
    cart_lines,
    checkout,
    coupons,
    order_making,
    order_moves,
    paging,
    reviewing,
    shipping,
)
from bookstore.services.actors import Acting, require_staff, require_user
from bookstore.services.paging import Page, PageRequest
from bookstore.unit_of_work import unit_of_work

_SENDING = ("processing", "shipped")


def place(
    actor: Acting,
    shipping_address: Mapping[str, Any],
    shipping_method: str = shipping.STANDARD,
    expected_total: int | None = None,
) -> Order:
    """Turn the actor's cart into a pending order: prices locked, stock taken, cart emptied.

    The cart's row is locked first, so one cart makes one order however often it is asked; and
    before it the buyer's, so that no account goes meanwhile, and none that is gone orders.

    Args:
        actor: the buyer.
        shipping_address: name, line1, line2, city, region, postal_code, country.
        shipping_method: code of a method.
        expected_total: what the buyer was shown, in minor units; None to take what comes.

    Raises:
        CartEmpty: nothing to order.
        OutOfStock: with ``items``; nothing is taken.
        TotalChanged: the order would cost something else than expected.
        CouponInvalid: a coupon on the cart no longer applies, and no total was expected.
        OrderNotPayable: it costs less or more than a card can be charged.
        Invalid: no such shipping method, or it does not go there.
    """
    user_id = require_user(actor)
    with unit_of_work() as session:
        cart_id, rows = cart_lines.lines_to_order(session, user_id)
        if cart_id is None or not rows:
            raise errors.CartEmpty
        mine: cart_lines.Which = ("id", cart_id)
        held = coupons.on_cart(session, mine, user_id) if rows[0].with_coupons else []
        priced = checkout.price(session, rows, held, shipping_method, shipping_address)
        quote = priced.quote
        if expected_total is None:
            _require_coupons(priced)
        elif expected_total != quote.total:
            raise errors.TotalChanged(
                expected_total=_text(expected_total), total_amount=_text(quote.total)
            )
        order = order_making.make(session, actor, user_id, rows, priced, shipping_address)
        # Behind the books, as whoever deletes a book has it: the book, then the lines with it.
        cart_lines.empty(session, cart_id)
        # Last: other orders with the same coupon wait from here to the commit.
        coupons.redeem(session, order, priced.used)
        if held:
            cart_lines.drop_coupons(session, cart_id)
        return order


def get(actor: Acting, order_id: int) -> Order:
    """Return an order of the actor's (staff: any) with its items.

    Raises:
        NotFound: there is none, or it is another's.
    """
    query = select(Order).options(selectinload(Order.items)).where(Order.id == order_id)
    order = db.session.scalar(order_moves.visible(query, actor))
    if order is None:
        raise errors.NotFound(f"There is no order {order_id}.")
    return order


def list_orders(
    actor: Acting,
    page: PageRequest,
    *,
    status: str | None = None,
    payment_status: str | None = None,
    number: str | None = None,
    everyone: bool = False,
) -> Page:
    """Return one page of the actor's orders, newest first; with ``everyone``, of all (staff)."""
    query = select(Order.id, Order).options(selectinload(Order.items))
    if everyone:
        require_staff(actor)
    else:
        query = query.where(Order.user_id == require_user(actor))
    if status is not None:
        query = query.where(Order.status == status)
    if payment_status is not None:
        query = query.where(Order.payment_status == payment_status)
    if number is not None:
        query = query.where(Order.number == number.upper())
    order = paging.Order("-created", Order.id, Order.id, True, paging.parse_int)
    found = paging.fetch(db.session(), query, order, page)
    return found.of([row[1] for row in found.data])


def history(actor: Acting, order_id: int) -> list[OrderEvent]:
    """Return an order's events, oldest first; staff see the internal ones too.

    Raises:
        NotFound: as ``get``.
    """
    order = get(actor, order_id)
    events = select(OrderEvent).where(OrderEvent.order_id == order.id).order_by(OrderEvent.id)
    if not actor.is_staff:
        events = events.where(~OrderEvent.is_internal)
    return list(db.session.scalars(events))


def cancel(actor: Acting, order_id: int, note: str = "") -> Order:
    """Cancel an order that has not been shipped and give its stock back, once.

    Raises:
        NotFound: there is none, or it is another's.
        InvalidTransition: too late, or cancelled already.
        OrderInReview: its money is with staff, who alone may.
    """
    with unit_of_work() as session:
        order = order_moves.lock(session, actor, order_id)
        if order.payment_status == "review" and not actor.is_staff:
            raise errors.OrderInReview
        cancellations.cancel(session, actor, order, note)
        return order


def advance(
    actor: Acting,
    order_id: int,
    status: str,
    *,
    tracking_number: str | None = None,
    note: str = "",
    version: int | None = None,
) -> Order:
    """Move an order to its next status (staff); with ``version``, only if it still has that.

    One in review stays there until its money fits; then who moves it along has accepted it.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such order.
        InvalidTransition: not a legal next status; or its money or its copies have gone back.
        PreconditionFailed: it has changed meanwhile.
    """
    require_staff(actor)
    with unit_of_work() as session:
        order = order_moves.lock(session, actor, order_id)
        if version is not None and version != order.version:
            raise errors.PreconditionFailed("The order has changed meanwhile.")
        if tracking_number is not None:
            order.tracking_number = tracking_number
        if status == "cancelled":
            cancellations.cancel(session, actor, order, note)
        else:
            _require_kept(order, status)
            reviewing.accept(session, order)
            order_moves.move(session, actor, order, status, note=note)
        return order


def find(reference: str) -> int:
    """Return the id of the order with this number or id, for people who type.

    Raises:
        NotFound: there is none.
    """
    which = Order.number == reference.upper()
    if reference.isdecimal() and len(reference) < 19:
        which = which | (Order.id == int(reference))
    found = db.session.scalar(select(Order.id).where(which))
    if found is None:
        raise errors.NotFound(f"There is no order {reference}.")
    return found


def next_status(order: Order) -> str | None:
    """Return the status that comes next when all goes well, None at the end."""
    return next((s for s in TRANSITIONS[order.status] if s != "cancelled"), None)


def moves(order: Order) -> tuple[str, ...]:
    """Return the statuses that an order may be moved to now, the usual one first."""
    return tuple(s for s in TRANSITIONS[order.status] if not (s in _SENDING and _is_undone(order)))


def _require_coupons(priced: checkout.Priced) -> None:
    """A buyer who did not say what it should cost is not to pay more than the coupon promised."""
    for held, why in priced.coupons:
        if why is not None:
            raise coupons.refused(held.terms.code, why)


def _require_kept(order: Order, status: str) -> None:
    """Nothing is sent that the shop has given back the money for, or sells again."""
    if status in _SENDING and order.can_move_to(status) and _is_undone(order):
        what = "copies are on sale again" if order.stock_returned else "money is with the buyer"
        raise errors.InvalidTransition(
            f"Its {what}: it cannot become {status}.",
            status_now=order.status,
            allowed=["cancelled"],
        )


def _is_undone(order: Order) -> bool:
    return order.stock_returned or order.payment_status == "refunded"


def _text(minor: int) -> str:
    return money.to_text(minor, settings().currency)
