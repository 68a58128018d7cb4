"""What staff wants to know. Revenue is money that came in and did not go back.

Sales are read from sums of days (``sales_sums``), so a report costs the days, not the orders.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, any_, exists, func, select, union_all
from sqlalchemy.orm import InstrumentedAttribute

from bookstore import clock
from bookstore.extensions import db, settings
from bookstore.models import (
    Book,
    BookDay,
    BookTotal,
    CartItem,
    SalesChange,
    SalesDay,
    ShoppingCart,
    User,
)
from bookstore.models.orders import STATUSES
from bookstore.services import paging
from bookstore.services.actors import Acting, require_staff
from bookstore.services.paging import Page, PageRequest
from bookstore.services.sql import AnySelect, on_sqlite

IDLE_DAYS = 7
MOST_CARTS = 10_000
_DAY_SUMS = ("currency", "status"), ("orders", "paid", "amount")
_BOOK_SUMS = ("book_id",), ("copies", "amount")

_change, _total = SalesChange.__table__.c, BookTotal.__table__.c


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
    counts: dict[str, int] = dict.fromkeys(STATUSES, 0)
    revenue = paid = 0
    currency = settings().currency
    for row in db.session.execute(_days(start, end)):
        if row.status:
            counts[row.status] += int(row.orders)
        elif row.currency == currency:
            revenue, paid = int(row.amount), int(row.paid)
    return {
        "from": start,
        "to": end,
        "currency": currency,
        "revenue": revenue,
        "orders": sum(counts.values()),
        "orders_by_status": counts,
        "average_order_value": (2 * revenue + paid) // (2 * paid) if paid else None,
    }


def by_day(actor: Acting, start: date, end: date) -> list[dict[str, Any]]:
    """Return what ``sales`` counts for each day of a period (UTC, both included), oldest first.

    Returns:
        {day, orders, revenue (minor units of the shop's currency)}; days without any have 0.
    """
    require_staff(actor)
    currency, days = settings().currency, (end - start).days + 1
    found: dict[date, dict[str, Any]] = {
        day: {"day": day, "orders": 0, "revenue": 0}
        for day in (start + timedelta(days=number) for number in range(days))
    }
    for row in db.session.execute(_days(start, end, "day")):
        if row.status:
            found[row.day]["orders"] += int(row.orders)
        elif row.currency == currency:
            found[row.day]["revenue"] += int(row.amount)
    return list(found.values())


def top_books(
    actor: Acting, start: date | None = None, end: date | None = None, limit: int = 10
) -> list[dict[str, Any]]:
    """Return the books sold most in a period: {rank, book_id, title, copies, revenue}.

    Of orders that were paid in the shop's currency and not cancelled. The revenue is what the
    copies cost, in minor units: before discounts and refunds, without delivery and added tax.
    """
    require_staff(actor)
    best = (_best_ever(limit) if start is None and end is None else _best(start, end)).subquery()
    by = (best.c.copies.desc(), best.c.book_id)
    most = select(best).where(best.c.copies > 0).order_by(*by).limit(limit).subquery()
    rows = db.session.execute(
        select(most.c.book_id, Book.title, most.c.copies, most.c.amount)
        .join(Book, Book.id == most.c.book_id)
        .order_by(most.c.copies.desc(), most.c.book_id)
    ).all()
    return [
        {
            "rank": rank,
            "book_id": row.book_id,
            "title": row.title,
            "copies": int(row.copies),
            "revenue": int(row.amount),
        }
        for rank, row in enumerate(rows, 1)
    ]


def _days(start: date | None, end: date | None, *more: str) -> AnySelect:
    """Select a period's sums, folded or not: one statement, that sees one moment.

    They are by currency and status, and by whatever ``more`` names.
    """
    keys, sums = (*more, *_DAY_SUMS[0]), _DAY_SUMS[1]
    folded, waiting = (
        select(*(table.__table__.c[name] for name in keys + sums)).where(
            *_between(table.day, start, end)
        )
        for table in (SalesDay, SalesChange)
    )
    return summed([folded, waiting.where(_change.book_id.is_(None))], keys, sums)


def _best(start: date | None, end: date | None) -> AnySelect:
    """Select the copies of all books that were sold in a period."""
    folded, waiting = of_books(BookDay), of_books(SalesChange)
    return summed(
        [
            folded.where(*_between(BookDay.day, start, end)),
            waiting.where(*_between(SalesChange.day, start, end)),
        ],
        *_BOOK_SUMS,
    )


def _best_ever(limit: int) -> AnySelect:
    """Select the copies of enough books to have the best of all time among them: of those that
    were sold since sums were folded, and of the best of the others."""
    changed = select(_change.book_id).where(_change.book_id.is_not(None))
    by = (_total.copies.desc(), _total.book_id)
    steady = of_books(BookTotal).where(_total.book_id.not_in(changed)).order_by(*by).limit(limit)
    is_changed: ColumnElement[bool] = _total.book_id.in_(changed)
    if not on_sqlite():
        # However many changes the planner believes to wait, they are looked up one by one.
        is_changed = _total.book_id == any_(func.array(changed.scalar_subquery()))
    moved = of_books(BookTotal).where(is_changed)
    return summed([select(steady.subquery()), moved, of_books(SalesChange)], *_BOOK_SUMS)


def of_books(table: Any) -> AnySelect:
    """Select (book_id, copies, amount) of a table of sums, or of what waits to be folded in."""
    rows: AnySelect = select(table.book_id, table.copies, table.amount).where(
        table.book_id.is_not(None), table.currency == settings().currency
    )
    return rows


def summed(parts: list[Any], keys: Sequence[str], sums: Sequence[str]) -> AnySelect:
    """Select the sums of several selects, by ``keys``: one statement, that sees one moment."""
    found = union_all(*parts).subquery().c
    columns = [found[name] for name in keys]
    rows: AnySelect = select(*columns, *(func.sum(found[name]).label(name) for name in sums))
    return rows.group_by(*columns)


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


def abandoned_sum(actor: Acting, idle_days: int = IDLE_DAYS) -> dict[str, int]:
    """Return how many carts ``abandoned_carts`` lists, and what is in them at present prices.

    Returns:
        {carts, value (minor units)}; of the first ``MOST_CARTS`` that are idle, if there are more.
    """
    require_staff(actor)
    idle = (
        select(ShoppingCart.id)
        .where(
            ShoppingCart.updated_at < clock.now() - timedelta(days=idle_days),
            exists().where(CartItem.cart_id == ShoppingCart.id),
        )
        .order_by(ShoppingCart.updated_at)
        .limit(MOST_CARTS)
        .subquery()
    )
    row = db.session.execute(
        select(
            func.count(CartItem.cart_id.distinct()).label("carts"),
            func.coalesce(func.sum(CartItem.quantity * Book.price), 0).label("value"),
        )
        .select_from(idle)
        .join(CartItem, CartItem.cart_id == idle.c.id)
        .join(Book, Book.id == CartItem.book_id)
    ).one()
    return {"carts": int(row.carts), "value": int(row.value)}


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


def _between(
    day: InstrumentedAttribute[date], start: date | None, end: date | None
) -> list[ColumnElement[bool]]:
    tests = [] if start is None else [day >= start]
    return tests if end is None else [*tests, day <= end]
