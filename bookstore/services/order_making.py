"""How an order is made, inside a unit of work: priced lines become rows, and stock goes."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from bookstore import clock
from bookstore.extensions import settings
from bookstore.models import Order, OrderEvent, OrderItem
from bookstore.prepared import Prepared
from bookstore.services import checkout, order_moves, payments, pricing, sales_sums, stock
from bookstore.services.actors import SYSTEM, Acting
from bookstore.unit_of_work import adopt, execute

# Crockford's base 32: no letter that reads as a digit.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_ORDER = Prepared(insert(Order.__table__).returning(Order.__table__.c.id))
_HISTORY = Prepared(insert(OrderEvent.__table__).inline())
_LINES = Prepared(insert(OrderItem.__table__).returning(OrderItem.id, OrderItem.book_id))
_BEGINNING = {"from_status": None, "to_status": "pending", "note": "", "is_internal": False}


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
    now = clock.now()
    values = {
        "number": _number(),
        "user_id": user_id,
        "status": "pending",
        "payment_status": "paid" if is_paid else "unpaid",
        "subtotal": quote.subtotal,
        "discount": quote.discount,
        "shipping": quote.shipping,
        "tax": quote.tax,
        "tax_included": quote.tax_included,
        "tax_lines": [_plain(line) for line in quote.tax_lines],
        "discounts": [_plain(discount) for discount in priced.discounts],
        "total_amount": quote.total,
        "currency": settings().currency,
        "shipping_method": quote.shipping_method,
        "shipping_address": dict(shipping_address),
        "tracking_number": None,
        "expires_at": None if is_paid else now + timedelta(minutes=settings().order_payment_window),
        "has_expired": False,
        "paid_at": now if is_paid else None,
        "stock_returned": False,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    order_id = execute(session, _ORDER, values).scalar_one()
    order = adopt(session, Order, {"id": order_id, **values})
    about = {"order_id": order_id, "actor": actor.label, "at": now}
    execute(session, _HISTORY, {**_BEGINNING, **about})
    # Before the lines: see there for why.
    stock.take(session, {row.id: row.quantity for row in rows}, order_id, actor.label)
    lines = [
        {
            "order_id": order_id,
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
    ]
    # In whichever order their numbers come back, a book is once in an order.
    ids = {row.book_id: row.id for row in execute(session, _LINES, lines)}
    items = [adopt(session, OrderItem, {"id": ids[line["book_id"]], **line}) for line in lines]
    for item in items:
        set_committed_value(item, "order", order)
    set_committed_value(order, "items", sorted(items, key=lambda item: item.id))
    sales_sums.placed(session, order)
    order_moves.record_event(order, "order.created")
    if is_paid:
        order.version += 1
        order_moves.record_event(order, "order.paid")
        order_moves.move(session, SYSTEM, order, "processing", note="nothing to pay")
    return order


def _plain(made: pricing.TaxLine | pricing.Discount) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__slots__}


def _number() -> str:
    # 32 letters: 256 is a multiple, so each is as likely as the others.
    code = "".join([_ALPHABET[byte % 32] for byte in secrets.token_bytes(10)])
    return f"{clock.today():%y}-{code[:5]}-{code[5:]}"
