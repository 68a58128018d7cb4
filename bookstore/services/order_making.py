"""How an order is made, inside a unit of work: priced lines become rows, and stock goes."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from bookstore import clock
from bookstore.extensions import settings
from bookstore.models import Order, OrderEvent, OrderItem
from bookstore.services import checkout, order_moves, payments, stock
from bookstore.services.actors import SYSTEM, Acting

# Crockford's base 32: no letter that reads as a digit.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def make(
    session: Session,
    actor: Acting,
    user_id: int,
    rows: Sequence[Any],
    priced: checkout.Priced,
    shipping_address: Mapping[str, Any],
) -> Order:
    """Make a pending order: prices locked, stock taken, everybody told.

    Args:
        session: of the present unit of work, in which the buyer's row is locked.
        actor: who orders; the buyer, as a rule.
        user_id: the buyer.
        rows: what is ordered, as ``cart_lines.lines_to_price`` returns it.
        priced: what ``checkout.price`` made of them.
        shipping_address: name, line1, line2, city, region, postal_code, country.

    Raises:
        OutOfStock: with ``items``; nothing is taken.
        OrderNotPayable: it costs less or more than a card can be charged.
    """
    quote = priced.quote
    payments.require_chargeable(quote.total, settings().currency)
    is_paid = quote.total == 0
    order = Order(
        number=_number(),
        user_id=user_id,
        status="pending",
        payment_status="paid" if is_paid else "unpaid",
        subtotal=quote.subtotal,
        discount=quote.discount,
        shipping=quote.shipping,
        tax=quote.tax,
        tax_included=quote.tax_included,
        tax_lines=[asdict(line) for line in quote.tax_lines],
        discounts=[asdict(discount) for discount in priced.discounts],
        total_amount=quote.total,
        currency=settings().currency,
        shipping_method=quote.shipping_method,
        shipping_address=dict(shipping_address),
        tracking_number=None,
        expires_at=None if is_paid else _payable_until(),
        paid_at=clock.now() if is_paid else None,
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
                "discount": line.discount,
                "tax": line.tax,
                "tax_percent": line.rate.percent if line.rate else None,
            }
            for row, line in zip(rows, quote.lines, strict=True)
        ],
    )
    # One statement each way: as objects, SQLite would insert them one by one.
    items = session.scalars(select(OrderItem).filter_by(order_id=order.id).order_by("id"))
    set_committed_value(order, "items", items.all())
    order_moves.record_event(order, "order.created")
    if is_paid:
        order.version += 1
        order_moves.record_event(order, "order.paid")
        order_moves.move(session, SYSTEM, order, "processing", note="nothing to pay")
    return order


def _payable_until() -> datetime:
    return clock.now() + timedelta(minutes=settings().order_payment_window)


def _number() -> str:
    code = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{clock.today():%y}-{code[:5]}-{code[5:]}"
