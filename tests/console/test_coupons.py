"""Coupons in the console."""

import re

from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import AuditEntry, Coupon
from bookstore.services import cart, catalog_editing, coupon_records, orders
from bookstore.services.actors import SYSTEM
from tests.clients import ADDRESS
from tests.console.browsing import Browser
from tests.factories import make_book, make_user, new_coupon


def test_one_is_made_changed_and_switched(shop: Flask) -> None:
    with shop.app_context():
        book = make_book().id
    clerk = Browser.of(shop).open("/admin/coupons/").open("/admin/coupons/new")
    typed = {
        "code": "spring", "kind": "percent", "value": "12.5", "starts_at": "2026-03-01T08:00",
        "min_subtotal": "20", "usage_limit": "5", "book_ids": f"{book} 987654",
    }  # fmt: skip
    clerk.send("/admin/coupons/new", **typed)
    assert clerk.answer.status_code == 422
    assert 'id="book_ids-error"' in clerk.page
    assert 'value="2026-03-01T08:00"' in clerk.page
    twice = clerk.form("/admin/coupons/new") | {"book_ids": str(book)}
    clerk.post("/admin/coupons/new", twice)
    path = clerk.at
    assert clerk.post("/admin/coupons/new", twice).at == path
    with shop.app_context():
        [made] = db.session.scalars(select(Coupon))
        found = coupon_records.get(SYSTEM, made.id)
    assert (found.code, found.value, found.min_subtotal, found.usage_limit) == (
        *("SPRING", "12.5", 2000, 5),
    )
    assert str(found.starts_at) == "2026-03-01 08:00:00+00:00"
    assert (found.book_ids, found.is_active, found.stackable) == ([book], True, False)
    other = Browser.of(shop).open(path)
    clerk.send(path, value="15", starts_at="", usage_limit="", stackable="true")
    assert "The coupon is changed." in clerk.page
    other.send(path, value="90")
    assert (other.answer.status_code, 'value="90"' in other.page) == (409, True)
    assert "15 %" in other.page
    for act in (path, f"{path}/switch", f"{path}/remove"):
        other.send(act, version="newest")
        assert (other.answer.status_code, "15 %" in other.page) == (409, True)
    clerk.send(path, value="101")
    assert (clerk.answer.status_code, 'id="value-error"' in clerk.page) == (422, True)
    clerk.open(path).send(f"{path}/switch")
    assert "It is off." in clerk.page
    with shop.app_context():
        found = coupon_records.get(SYSTEM, made.id)
        assert (found.value, found.starts_at, found.usage_limit) == ("15", None, None)
        assert (found.stackable, found.is_active) == (True, False)
        # What it was for is gone: to save it once more does not make it one for everything.
        catalog_editing.delete_book(SYSTEM, book)
    clerk.open(path)
    assert "those it was for are gone" in clerk.page
    clerk.send(path)
    assert "those it was for are gone" in clerk.page
    clerk.send(f"{path}/remove")
    assert clerk.at == "/admin/coupons/"
    with shop.app_context():
        assert db.session.scalars(select(Coupon)).all() == []
        noted = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
        names = ["create", "change", "switch", "change", "remove"]
        assert noted == [f"console.coupons.{name}" for name in names]


def test_who_used_one_is_listed(shop: Flask) -> None:
    coupon = new_coupon(shop, "SPRING")
    with shop.app_context():
        numbers = []
        for _ in range(2):
            buyer = make_user()
            cart.add_item(buyer, make_book(price=2000).id)
            cart.put_coupon(buyer, "SPRING")
            numbers.append(orders.place(buyer, ADDRESS))
        orders.cancel(SYSTEM, numbers[0].id)
        first, second = (order.number for order in numbers)
    clerk = Browser.of(shop).open("/admin/coupons/?code=spring")
    assert "1</span>" in clerk.page
    clerk.open(f"/admin/coupons/{coupon}")
    assert clerk.page.index(second) < clerk.page.index(first)
    assert ("2.00 USD" in clerk.page, "no, cancelled" in clerk.page) == (True, True)
    assert "Remove it" not in clerk.page


def test_a_stale_form_shows_all_that_somebody_else_has_changed(shop: Flask) -> None:
    with shop.app_context():
        book = make_book().id
    path = f"/admin/coupons/{new_coupon(shop, 'SPRING')}"
    clerk, other = Browser.of(shop).open(path), Browser.of(shop).open(path)
    clerk.send(path, min_subtotal="20", per_user_limit="3", book_ids=str(book), stackable="true")
    other.send(path, value="12")
    assert other.answer.status_code == 409
    facts = other.page.partition('class="facts"')[2].partition("</dl>")[0]
    for name, words in (
        ("Smallest order", "20.00 USD"),
        ("A customer", "3 times"),
        ("For", f"books {book}"),
        ("With others", "yes, with those that can"),
    ):
        assert re.search(rf"<dt>{name}</dt>\s*<dd>{words}</dd>", facts), facts
