"""Orders: placed from a cart in one transaction, then moved along by staff."""

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, insert, select
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from bookstore import clock, errors, money
from bookstore.extensions import db, settings
from bookstore.models import Order, OrderEvent, OrderItem
from bookstore.models.orders import TRANSITIONS
from bookstore.services import cart_lines, events, live, paging, pricing, stock
from bookstore.services.actors import Acting, require_staff, require_user
from bookstore.services.paging import Page, PageRequest
from bookstore.unit_of_work import unit_of_work

# Crockford's base 32: no letter that reads as a digit.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def place(
    actor: Acting,
    shipping_address: Mapping[str, Any],
    shipping_method: str = pricing.STANDARD.code,
    expected_total: int | None = None,
) -> Order:
    """Turn the actor's cart into a pending order: prices locked, stock taken, cart emptied.

    The cart's row is locked first, so one cart makes one order however often it is asked.

    Args:
        actor: the buyer.
        shipping_address: name, line1, line2, city, region, postal_code, country.
        shipping_method: code of a method.
        expected_total: what the buyer was shown, in minor units; None to take what comes.

    Raises:
        CartEmpty: nothing to order.
        OutOfStock: with ``items``; nothing is taken.
        TotalChanged: the order would cost something else than expected.
        Invalid: no such shipping method.
    """
    user_id = require_user(actor)
    with unit_of_work() as session:
        cart_id, rows = cart_lines.lines_to_order(session, user_id)
        if cart_id is None or not rows:
            raise errors.CartEmpty
        lines = [pricing.Line(row.id, row.quantity, row.price) for row in rows]
        quote = pricing.quote(lines, shipping_method)
        if expected_total is not None and expected_total != quote.total:
            raise errors.TotalChanged(
                expected_total=_text(expected_total), total_amount=_text(quote.total)
            )
        order = Order(
            number=_number(),
            user_id=user_id,
            status="pending",
            payment_status="unpaid",
            subtotal=quote.subtotal,
            discount=quote.discount,
            shipping=quote.shipping,
            tax=quote.tax,
            total_amount=quote.total,
            currency=settings().currency,
            shipping_method=quote.shipping_method,
            shipping_address=dict(shipping_address),
            tracking_number=None,
            version=1,
            events=[OrderEvent(from_status=None, to_status="pending", actor=actor.label)],
        )
        session.add(order)
        session.flush()
        # Before the lines: see there for why.
        stock.take(session, {row.id: row.quantity for row in rows}, order.id, actor.label)
        session.execute(
            insert(OrderItem),
            [
                {
                    "order_id": order.id,
                    "book_id": row.id,
                    "title": row.title,
                    "isbn": row.isbn,
                    "quantity": row.quantity,
                    "price": row.price,
                }
                for row in rows
            ],
        )
        # One statement each way: as objects, SQLite would insert them one by one.
        items = session.scalars(select(OrderItem).filter_by(order_id=order.id).order_by("id"))
        set_committed_value(order, "items", items.all())
        cart_lines.empty(session, cart_id)
        record_event(order, "order.created")
    return order


def get(actor: Acting, order_id: int) -> Order:
    """Return an order of the actor's (staff: any) with its items.

    Raises:
        NotFound: there is none, or it is another's.
    """
    query = select(Order).options(selectinload(Order.items)).where(Order.id == order_id)
    order = db.session.scalar(_visible(query, actor))
    if order is None:
        raise errors.NotFound(f"There is no order {order_id}.")
    return order


def list_orders(
    actor: Acting,
    page: PageRequest,
    *,
    status: str | None = None,
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
    if number is not None:
        query = query.where(Order.number == number.upper())
    order = paging.Order("-created", Order.id, Order.id, True, paging.parse_int)
    found = paging.fetch(db.session(), query, order, page)
    return Page([row[1] for row in found.data], found.next_cursor, found.total)


def history(actor: Acting, order_id: int) -> list[OrderEvent]:
    """Return an order's events, oldest first; NotFound as ``get``."""
    order = get(actor, order_id)
    return list(
        db.session.scalars(
            select(OrderEvent).where(OrderEvent.order_id == order.id).order_by(OrderEvent.id)
        )
    )


def cancel(actor: Acting, order_id: int, note: str = "") -> Order:
    """Cancel an order that has not been shipped and give its stock back, once.

    Raises:
        NotFound: there is none, or it is another's.
        InvalidTransition: too late, or cancelled already.
    """
    with unit_of_work() as session:
        return _move(session, actor, _locked(session, actor, order_id), "cancelled", note=note)


def advance(
    actor: Acting,
    order_id: int,
    status: str,
    *,
    tracking_number: str | None = None,
    note: str = "",
) -> Order:
    """Move an order to its next status (staff).

    Raises:
        Forbidden: not staff.
        NotFound: there is no such order.
        InvalidTransition: not a legal next status.
    """
    require_staff(actor)
    with unit_of_work() as session:
        order = _locked(session, actor, order_id)
        if tracking_number is not None:
            order.tracking_number = tracking_number
        return _move(session, actor, order, status, note=note)


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


def record_event(order: Order, event_type: str, **more: Any) -> None:
    """Record what happened to a locked order whose version has just been moved on.

    Mail, push, notifications and webhooks follow from the event, live updates from the version.
    """
    events.record(
        event_type,
        {
            "order_id": order.id,
            "number": order.number,
            "user_id": order.user_id,
            "status": order.status,
            "payment_status": order.payment_status,
            "total_amount": money.to_text(order.total_amount, order.currency),
            "currency": order.currency,
            "tracking_number": order.tracking_number,
            "version": order.version,
            **more,
        },
        aggregate_id=order.id,
        user_id=order.user_id,
        sequence=order.version,
    )
    live.publish_order(order)


def _move(session: Session, actor: Acting, order: Order, status: str, *, note: str) -> Order:
    if not order.can_move_to(status):
        raise errors.InvalidTransition(
            f"A {order.status} order cannot become {status}.",
            status_now=order.status,
            allowed=list(TRANSITIONS[order.status]),
        )
    session.add(
        OrderEvent(
            order_id=order.id,
            from_status=order.status,
            to_status=status,
            actor=actor.label,
            note=note,
            at=clock.now(),
        )
    )
    order.status = status
    order.version += 1
    if status == "cancelled":
        stock.give_back(
            session, {item.book_id: item.quantity for item in order.items}, order.id, actor.label
        )
    session.flush()
    record_event(order, f"order.{status}")
    return order


def _locked(session: Session, actor: Acting, order_id: int) -> Order:
    query = select(Order).where(Order.id == order_id).with_for_update()
    order = session.scalar(_visible(query, actor).execution_options(populate_existing=True))
    if order is None:
        raise errors.NotFound(f"There is no order {order_id}.")
    return order


def _visible(query: Select[Order], actor: Acting) -> Select[Order]:
    return query if actor.is_staff else query.where(Order.user_id == require_user(actor))


def _number() -> str:
    code = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{clock.today():%y}-{code[:5]}-{code[5:]}"


def _text(minor: int) -> str:
    return money.to_text(minor, settings().currency)
