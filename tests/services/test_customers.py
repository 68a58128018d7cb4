"""Customers, as staff finds and helps them."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import AuditEntry, LoginSession, User
from bookstore.services import accounts, audit, customers
from bookstore.services.actors import GUEST, SYSTEM, Actor
from bookstore.services.paging import PageRequest
from bookstore.unit_of_work import unit_of_work
from tests import paying
from tests.clients import statements
from tests.factories import log_in, make_user
from tests.fakes.stripe import FakeStripe


def names(q: str = "", **more: Any) -> list[str]:
    found, cursor = [], None
    while True:
        page = customers.search(SYSTEM, PageRequest(2, cursor), q=q, **more)
        found += [row.username for row in page.data]
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_they_are_found_by_how_they_begin(app: Flask) -> None:
    typed = ("ann", "Anna", "annz", "an", "bob", "ann_x", "ann%", "12")
    users = [make_user(name) for name in typed]
    assert names("ann") == ["ann", "ann%", "ann_x", "Anna", "annz"]
    assert names("ANNA") == ["Anna"]
    assert names("ann_") == ["ann_x"]
    assert names("ann%") == ["ann%"]
    assert names("ann@") == ["ann"]
    assert names("ann", by="email") == ["ann%", "ann", "ann_x", "Anna", "annz"]
    assert names("nn") == []
    # An id that somebody has goes before a name.
    assert names(str(users[4].id)) == ["bob"]
    assert names(f"#{users[4].id}") == ["bob"]
    assert names("12") == ["12"]
    assert names("12", by="id") == names("x", by="id") == names("9" * 30) == []
    assert names()[:2] == ["12", "ann%"]
    with unit_of_work() as session:
        session.get_one(User, users[1].id).is_staff = True
    assert names(staff_only=True) == names("a", staff_only=True) == ["Anna"]
    with pytest.raises(errors.Invalid):
        names("a", by="password_hash")
    with pytest.raises(errors.Forbidden):
        customers.search(GUEST, PageRequest())
    assert names("z\U0010ffff") == names("\ud7ff") == []


def test_what_staff_is_shown(app: Flask, fake_stripe: FakeStripe) -> None:
    order = paying.paid(fake_stripe, paying.place())
    buyer = order.user
    log_in(app, buyer)
    paying.place(buyer)
    db.session.rollback()
    with statements(app) as said:
        found = customers.get(SYSTEM, buyer.id)
    assert len(said) <= 5
    assert (found.orders, found.spent) == (2, {"usd": order.total_amount})
    assert len(found.sessions) == 1
    assert found.mails[0].template == "order_confirmation"
    assert (found.has_totp, found.api_keys, found.devices) == (False, 0, 0)
    with pytest.raises(errors.NotFound):
        customers.get(SYSTEM, buyer.id + 1)


def test_their_logins_are_ended(app: Flask) -> None:
    ann, bob = make_user(), make_user()
    for user in (ann, ann, bob):
        log_in(app, user)
    clerk = Actor(make_user(is_staff=True).id, "staff:1", is_staff=True)
    first = customers.get(clerk, ann.id).sessions[0].id
    with audit.acting(clerk, "console.customers.end_session"):
        assert customers.end_session(clerk, ann.id, first) == 1
    for user, which in ((ann, first), (bob, customers.get(clerk, ann.id).sessions[0].id)):
        with pytest.raises(errors.NotFound):
            customers.end_session(clerk, user.id, which)
    assert customers.end_session(clerk, ann.id) == 1
    assert customers.end_session(clerk, ann.id) == 0
    left = select(LoginSession.user_id).where(LoginSession.revoked_at.is_(None))
    assert db.session.scalars(left).all() == [bob.id]
    [entry] = db.session.scalars(select(AuditEntry))
    assert (entry.target_kind, entry.target_id) == ("user", str(ann.id))


def test_rights_are_given_and_taken(app: Flask) -> None:
    ann, clerk = make_user("ann"), make_user("clerk", is_staff=True)
    assert customers.set_premium(clerk, ann.id, True).is_premium
    assert not customers.set_premium(clerk, ann.id, False).is_premium
    with pytest.raises(errors.Invalid):
        customers.set_staff(clerk, ann.id, True, confirmed_username="anne")
    assert not accounts.find("ann").is_staff
    assert customers.set_staff(clerk, ann.id, True, confirmed_username=" Ann").is_staff
    # The last who is left cannot lock the shop.
    with pytest.raises(errors.Invalid):
        customers.set_staff(clerk, clerk.id, False, confirmed_username="clerk")
    for act in (
        lambda: customers.set_premium(GUEST, ann.id, True),
        lambda: customers.set_staff(GUEST, ann.id, True, confirmed_username="ann"),
        lambda: customers.end_session(GUEST, ann.id),
    ):
        with pytest.raises(errors.Forbidden):
            act()
    accounts.delete_account(ann)
    with pytest.raises(errors.NotFound):
        customers.set_premium(clerk, ann.id, True)
