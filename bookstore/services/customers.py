"""Customers as staff sees them: found by how their name or address begins, or by id.

What a person wrote, where they live and what they bought stays where it is: here is only what it
takes to help them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, text as sql_text
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.models import (
    ApiKey,
    Device,
    Email,
    LoginSession,
    Notification,
    Order as OrderRow,
    Payment,
    Totp,
    User,
)
from bookstore.services import accounts, audit, paging, sessions
from bookstore.services.actors import Acting, require_staff
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.services.sessions import SessionView
from bookstore.services.sql import AnyColumn, AnySelect, on_sqlite
from bookstore.unit_of_work import unit_of_work

BY = ("username", "email", "id")
_LAST = 0x10FFFF
_MAX_ID = 2**63 - 1
_MAILS = 5
_BY_STAFF = "ended by staff"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was sent, or is to be: what about, and what became of it."""

    template: str
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """What staff is shown of a customer.

    ``spent`` is what came in for their orders and did not go back: currency → minor units.
    """

    user: User
    orders: int
    spent: dict[str, int]
    sessions: list[SessionView]
    has_totp: bool
    api_keys: int
    devices: int
    unread: int
    mails: list[Mail]


def search(
    actor: Acting, page: PageRequest, *, q: str = "", by: str = "", staff_only: bool = False
) -> Page:
    """Return one page of users (id, username, email, flags, created_at).

    As fast with a million of them: each way to look has an index.

    Args:
        actor: staff.
        page: which.
        q: how a username or an address begins, in any case, or an id; empty: all, newest first.
        by: ``username``, ``email`` or ``id``; empty: an address if there is an ``@`` in it, an id
            if it is a number that somebody has, else a username.
        staff_only: only who is staff (with ``q`` as well).

    Raises:
        Forbidden: not staff.
        Invalid: naming ``by``, or a bad cursor.
    """
    require_staff(actor)
    if by not in {"", *BY}:
        raise errors.Invalid({"by": [f"One of {', '.join(BY)}."]})
    text = q.strip().casefold()
    query: AnySelect = select(
        User.id,
        User.username,
        User.email,
        User.is_staff,
        User.is_premium,
        User.is_active,
        User.created_at,
    )
    if staff_only:
        # As the index has it: SQLite's "= 1" would be another condition.
        query = query.where(sql_text("users.is_staff"))
    session = db.session()
    if text and by in {"", "id"}:
        found = _by_id(session, query, text)
        if found is not None or by == "id":
            return Page([] if found is None else [found], None)
    if not text:
        order = Order("-created", User.id, User.id, True, paging.parse_int)
        return paging.fetch(session, query, order, page)
    name = by or ("email" if "@" in text else "username")
    key = _by_code_point(User.email_key if name == "email" else User.username_key)
    query = query.where(_begins(key, text))
    return paging.fetch(session, query, Order(name, key, User.id, False, paging.parse_text), page)


def get(actor: Acting, user_id: int) -> Customer:
    """Return a customer with what hangs on them (five statements).

    Raises:
        Forbidden: not staff.
        NotFound: there is none.
    """
    require_staff(actor)
    session = db.session()
    user = _user(session, user_id)

    def many(table: Any, *which: ColumnElement[bool]) -> Any:
        return select(func.count()).where(table.user_id == user_id, *which).scalar_subquery()

    counts = session.execute(
        select(
            many(OrderRow).label("orders"),
            many(Device).label("devices"),
            many(Notification, Notification.read_at.is_(None)).label("unread"),
            many(ApiKey, ApiKey.revoked_at.is_(None)).label("api_keys"),
            many(Totp, Totp.confirmed_at.is_not(None)).label("totp"),
        )
    ).one()
    kept = Payment.amount_received - Payment.amount_withdrawn - Payment.amount_refunded
    spent = session.execute(
        select(Payment.currency, func.sum(kept))
        .join(OrderRow, OrderRow.id == Payment.order_id)
        .where(OrderRow.user_id == user_id, Payment.amount_received > 0)
        .group_by(Payment.currency)
        .order_by(Payment.currency)
    )
    mails = session.execute(
        select(Email.template, Email.status, Email.created_at)
        .where(Email.user_id == user_id)
        .order_by(Email.id.desc())
        .limit(_MAILS)
    )
    return Customer(
        user=user,
        orders=counts.orders,
        spent={currency: int(amount) for currency, amount in spent},
        sessions=sessions.open_of(user_id),
        has_totp=bool(counts.totp),
        api_keys=counts.api_keys,
        devices=counts.devices,
        unread=counts.unread,
        mails=[Mail(*row) for row in mails],
    )


def names(actor: Acting, labels: Iterable[str]) -> dict[str, str]:
    """Return the usernames of those whom histories name by id: ``staff:7`` → name. Who is no user,
    or none any more, is not there.

    Raises:
        Forbidden: not staff.
    """
    require_staff(actor)
    ids = {}
    for label in set(labels):
        kind, _, key = label.partition(":")
        if kind in {"user", "staff"} and key.isdecimal():
            ids[label] = int(key)
    if not ids:
        return {}
    rows = db.session.execute(select(User.id, User.username).where(User.id.in_(ids.values())))
    known = {row.id: row.username for row in rows}
    return {label: known[key] for label, key in ids.items() if key in known}


def end_session(actor: Acting, user_id: int, session_id: str | None = None) -> int:
    """End a login of a customer's, or all; return how many ended. It holds from the next request.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such customer, or no such login that still stands.
    """
    require_staff(actor)
    which = LoginSession.user_id == user_id
    if session_id is not None:
        which &= LoginSession.id == session_id
    with unit_of_work() as session:
        _user(session, user_id)
        standing = select(func.count()).where(
            which, LoginSession.revoked_at.is_(None), LoginSession.expires_at > clock.now()
        )
        count = session.scalar(standing) or 0
        if session_id is not None and not count:
            raise errors.NotFound("There is no such session.")
        if count:
            audit.about("user", user_id)
            sessions.revoke(session, which, _BY_STAFF)
    return count


def set_premium(actor: Acting, user_id: int, is_premium: bool) -> User:
    """Make somebody a premium customer, who may ask as often as they like, or no longer one.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such customer, or no longer.
    """
    require_staff(actor)
    return _change(user_id, lambda user: accounts.promote(user.username, is_premium=is_premium))


def set_staff(actor: Acting, user_id: int, is_staff: bool, *, confirmed_username: str) -> User:
    """Make somebody staff, or no longer. Nobody does that to themselves: one who is left stays.

    Args:
        actor: staff.
        user_id: who.
        is_staff: whether they shall be.
        confirmed_username: their name, typed by who means it.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such customer, or no longer.
        Invalid: ``username`` is another's, or it is about oneself.
    """
    require_staff(actor)
    if user_id == actor.id:
        raise errors.Invalid({"username": ["Somebody else has to change your own rights."]})

    def change(user: User) -> User:
        if confirmed_username.strip().casefold() != user.username_key:
            raise errors.Invalid({"username": ["Not the name of this account."]})
        return accounts.promote(user.username, is_staff=is_staff)

    return _change(user_id, change)


# -- inside ------------------------------------------------------------------------------------
def _change(user_id: int, change: Callable[[User], User]) -> User:
    with unit_of_work() as session:
        user = session.get(User, user_id, with_for_update=True, populate_existing=True)
        if user is None or not user.is_active:
            raise errors.NotFound(f"There is no customer {user_id}.")
        audit.about("user", user_id)
        return change(user)


def _user(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise errors.NotFound(f"There is no customer {user_id}.")
    return user


def _by_id(session: Session, query: AnySelect, text: str) -> Any:
    text = text.removeprefix("#")
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _MAX_ID):
        return None
    return session.execute(query.where(User.id == int(text))).first()


def _by_code_point(key: Any) -> AnyColumn:
    """Return a key in the order of its index of beginnings (migration 0022)."""
    found: AnyColumn = key if on_sqlite() else key.collate("C")
    return found


def _begins(key: AnyColumn, text: str) -> ColumnElement[bool]:
    """Return the condition that a key begins with a text: a stretch of the order."""
    last = ord(text[-1]) + 1
    after = 0xE000 if 0xD800 <= last < 0xE000 else last  # no half of a pair is a letter
    condition: ColumnElement[bool] = key >= text
    if after <= _LAST:
        condition &= key < text[:-1] + chr(after)
    return condition
