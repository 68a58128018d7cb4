"""What staff wants to know. Revenue is money that came in and did not go back."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select, text
from sqlalchemy.orm import InstrumentedAttribute

from bookstore import clock
from bookstore.extensions import db, settings
from bookstore.models import (
    Book,
    CartItem,
    Order,
    OrderItem,
    Payment,
    Refund,
    ShoppingCart,
    User,
)
from bookstore.models.orders import STATUSES
from bookstore.services import paging
from bookstore.services.actors import Acting, require_staff
from bookstore.services.paging import Page, PageRequest
from bookstore.unit_of_work import new_snapshot

IDLE_DAYS = 7
# An order in review was paid for, if perhaps not all of it.
_PAID = ("paid", "partially_refunded", "review")


def sales(actor: Acting, start: date | None = None, end: date | None = None) -> dict[str, Any]:
    """Return revenue, orders and average order value of a period (UTC days, both included).

    What counts is when an order was placed: money that comes or goes back later still belongs to
    its period. Money of another currency than the shop's is left out.

    Returns:
        revenue (what came in for the period's orders, less refunds and lost disputes) and
        average_order_value in minor units (revenue by orders that money came in for, rounded half
        up; None without any), orders (all, paid or not), orders_by_status, currency, from, to.
    """
    require_staff(actor)
    placed = _period(Order.created_at, start, end)
    _look_up(start or end)
    counts: dict[str, int] = dict.fromkeys(STATUSES, 0)
    for status, count in db.session.execute(
        select(Order.status, func.count()).where(*placed).group_by(Order.status)
    ):
        counts[status] = count
    revenue, paid = _received(placed)
    return {
        "from": start,
        "to": end,
        "currency": settings().currency,
        "revenue": revenue,
        "orders": sum(counts.values()),
        "orders_by_status": counts,
        "average_order_value": (2 * revenue + paid) // (2 * paid) if paid else None,
    }


def _received(placed: list[ColumnElement[bool]]) -> tuple[int, int]:
    """Return (money of those orders that the shop has, orders that any came in for)."""
    currency = settings().currency
    back = (
        select(func.coalesce(func.sum(Refund.amount), 0))
        .join(Order, Order.id == Refund.order_id)
        .where(Refund.currency == currency, Refund.status == "succeeded", *placed)
        .correlate(None)
        .scalar_subquery()
    )
    came, paid, went = db.session.execute(
        select(
            func.coalesce(func.sum(Payment.amount_received - Payment.amount_withdrawn), 0),
            func.count(Payment.order_id.distinct()),
            back,
        )
        .join(Order, Order.id == Payment.order_id)
        .where(Payment.currency == currency, Payment.amount_received > 0, *placed)
    ).one()
    return int(came) - int(went), paid


def top_books(
    actor: Acting, start: date | None = None, end: date | None = None, limit: int = 10
) -> list[dict[str, Any]]:
    """Return the books sold most in a period: {rank, book_id, title, copies, revenue}.

    Of orders that were paid in the shop's currency and not cancelled. The revenue is what the
    copies cost, in minor units: before discounts and refunds, without delivery and added tax.
    """
    require_staff(actor)
    _look_up(start or end)
    copies = func.sum(OrderItem.quantity)
    rows = db.session.execute(
        select(
            OrderItem.book_id,
            Book.title,
            copies.label("copies"),
            func.sum(OrderItem.quantity * OrderItem.price).label("revenue"),
        )
        .join(Order, Order.id == OrderItem.order_id)
        .join(Book, Book.id == OrderItem.book_id)
        .where(
            Order.status != "cancelled",
            Order.payment_status.in_(_PAID),
            Order.currency == settings().currency,
            *_period(Order.created_at, start, end),
        )
        .group_by(OrderItem.book_id, Book.title)
        .order_by(copies.desc(), OrderItem.book_id)
        .limit(limit)
    ).all()
    return [
        {
            "rank": rank,
            "book_id": row.book_id,
            "title": row.title,
            "copies": int(row.copies),
            "revenue": int(row.revenue),
        }
        for rank, row in enumerate(rows, 1)
    ]


def abandoned_carts(
    actor: Acting,
    page: PageRequest,
    idle_days: int = IDLE_DAYS,
    start: date | None = None,
    end: date | None = None,
) -> Page:
    """Return one page of carts with books in them that nobody has touched for days.

    Args:
        actor: staff.
        page: how many, from where.
        idle_days: untouched for at least so long.
        start: touched last on this day (UTC) or later.
        end: touched last on this day or earlier.

    Returns:
        rows of {id, user_id, username (None for guests), items, value (minor units, at
        present prices), updated_at}, the longest idle first.
    """
    require_staff(actor)
    query = (
        select(ShoppingCart.id, ShoppingCart.user_id, User.username, ShoppingCart.updated_at)
        .outerjoin(User, User.id == ShoppingCart.user_id)
        .where(
            ShoppingCart.updated_at < clock.now() - timedelta(days=idle_days),
            *_period(ShoppingCart.updated_at, start, end),
            exists().where(CartItem.cart_id == ShoppingCart.id),
        )
    )
    order = paging.Order(
        "idle", ShoppingCart.updated_at, ShoppingCart.id, False, paging.parse_instant
    )
    found = paging.fetch(db.session(), query, order, page)
    held = _held([row.id for row in found.data])
    data = [
        {
            "id": row.id,
            "user_id": row.user_id,
            "username": row.username,
            "items": held.get(row.id, (0, 0))[0],
            "value": held.get(row.id, (0, 0))[1],
            "currency": settings().currency,
            "updated_at": row.updated_at,
        }
        for row in found.data
    ]
    return Page(data, found.next_cursor, found.total)


def _look_up(bound: date | None) -> None:
    """Have a period's orders looked up one by one, until the transaction ends.

    PostgreSQL takes a look into an index for four times as dear as it is unless a disk turns, and
    would rather read all payments there ever were.
    """
    if bound is not None and db.engine.dialect.name == "postgresql":
        # In a transaction: who asks was looked up without one.
        new_snapshot()
        db.session.execute(text("SET LOCAL random_page_cost = 1.1"))


def _held(carts: list[int]) -> dict[int, tuple[int, int]]:
    """Return (copies, their value at present prices) of carts that are not empty."""
    copies, value = func.sum(CartItem.quantity), func.sum(CartItem.quantity * Book.price)
    rows = db.session.execute(
        select(CartItem.cart_id, copies, value)
        .join(Book, Book.id == CartItem.book_id)
        .where(CartItem.cart_id.in_(carts))
        .group_by(CartItem.cart_id)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def _period(
    at: InstrumentedAttribute[datetime], start: date | None, end: date | None
) -> list[ColumnElement[bool]]:
    tests = []
    if start is not None:
        tests.append(at >= datetime.combine(start, time(), UTC))
    if end is not None and end < date.max:
        tests.append(at < datetime.combine(end, time(), UTC) + timedelta(days=1))
    return tests
