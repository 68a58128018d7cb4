"""Everybody's orders, as staff looks for them: one line an order, by whatever is known of it."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from bookstore.extensions import db
from bookstore.models import Order, OrderItem, User
from bookstore.services import paging
from bookstore.services.actors import Acting, require_staff
from bookstore.services.paging import Page, PageRequest

# As ``order_making`` makes them; people leave out dashes, or type them elsewhere.
_NUMBER = re.compile(r"(\d\d)-?([0-9A-Z]{5})-?([0-9A-Z]{5})")

# How many ids orders that are placed at once may be out of order by, and then some.
_ASTRAY = 1000


def search(
    actor: Acting,
    page: PageRequest,
    *,
    q: str | None = None,
    status: str | None = None,
    payment_status: str | None = None,
    start: date | None = None,
    end: date | None = None,
) -> Page:
    """Return one page of everybody's orders, the newest first.

    Args:
        actor: staff.
        page: how many, from where.
        q: a number; or all of a username or an email address, in any case.
        status, payment_status: only these.
        start: placed on this day (UTC) or later.
        end: placed on this day or earlier.

    Returns:
        rows of (id, number, created_at, user_id, username, status, payment_status, copies,
        total_amount in minor units, currency).
    """
    require_staff(actor)
    copies = select(func.sum(OrderItem.quantity)).where(OrderItem.order_id == Order.id)
    query = select(
        Order.id,
        Order.number,
        Order.created_at,
        Order.user_id,
        User.username,
        Order.status,
        Order.payment_status,
        copies.scalar_subquery().label("copies"),
        Order.total_amount,
        Order.currency,
    ).join(User, User.id == Order.user_id)
    if q is not None:
        query = query.where(_means(q))
    if status is not None:
        query = query.where(Order.status == status)
    if payment_status is not None:
        query = query.where(Order.payment_status == payment_status)
    if start is not None or end is not None:
        query = query.where(*_placed(start, end))
    order = paging.Order("-created", Order.id, Order.id, True, paging.parse_int)
    return paging.fetch(db.session(), query, order, page)


def _placed(start: date | None, end: date | None) -> list[ColumnElement[bool]]:
    """Return what is true of orders of these days.

    Ids grow with time, so days are a range of ids too. Given that, the index that leads to a status
    leads to its orders of these days; by the instant alone all of a status are looked at.
    """
    at, tests = Order.created_at, []
    if start is not None:
        since = datetime.combine(start, time(), UTC)
        first = db.session.scalar(select(Order.id).where(at >= since).order_by(at).limit(1))
        tests += [at >= since, Order.id < 0 if first is None else Order.id >= first - _ASTRAY]
    if end is not None:
        before = datetime.combine(end, time(), UTC) + timedelta(days=1)
        last = db.session.scalar(select(Order.id).where(at < before).order_by(at.desc()).limit(1))
        tests += [at < before, Order.id < 0 if last is None else Order.id <= last + _ASTRAY]
    return tests


def _means(text: str) -> Any:
    found = _NUMBER.fullmatch(text.upper())
    if found is not None:
        return Order.number == "-".join(found.groups())
    key = text.casefold()
    who = select(User.id).where(or_(User.username_key == key, User.email_key == key))
    # Its rows are few: known before, the index of a user's orders leads to them.
    return Order.user_id.in_(list(db.session.scalars(who)))
