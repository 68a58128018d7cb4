"""Orders in the console: found, moved along by what is legal, refunded once."""

import re
from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import AuditEntry, Order, Refund, User
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, statements
from tests.console.browsing import Browser
from tests.factories import make_book, make_user
from tests.fakes.stripe import FakeStripe
from tests.paying import paid, place
from tests.services import hooks

SCRIPT = "<script>alert(1)</script>"


def new_order(shop: Flask, stripe: FakeStripe | None = None) -> int:
    with shop.app_context():
        order = place(price=4501)
        return (order if stripe is None else paid(stripe, order)).id


def acts(shop: Flask) -> list[tuple[str, str | None, str | None]]:
    """Return (action, kind, id) of what staff did."""
    with shop.app_context():
        rows = db.session.execute(
            select(AuditEntry.action, AuditEntry.target_kind, AuditEntry.target_id)
            .where(AuditEntry.user_id.is_not(None))
            .order_by(AuditEntry.id)
        )
        return [tuple(row) for row in rows]


def test_an_order_is_moved_by_legal_moves_and_by_one_at_a_time(
    shop: Flask, fake_stripe: FakeStripe
) -> None:
    with shop.app_context():
        hooks.endpoint("https://9.9.9.9/hook", pattern="order.shipped")
    order_id = new_order(shop, fake_stripe)
    act, page = f"/admin/orders/{order_id}/status", f"/admin/orders/{order_id}"
    one, other = Browser.of(shop).open(page), Browser.of(shop).open(page)
    assert "Mark as shipped" in one.page
    assert "Mark as delivered" not in one.page
    stale = other.form(act, "cancelled")
    one.send(act, "shipped", tracking_number=" RM1 ", note="by van")
    assert one.at == page
    assert "The order is shipped." in one.page
    assert "RM1" in one.page
    assert "by van" in one.page
    # Who it was is an id in histories; it leads to who that is.
    named = r'<a href="/admin/customers/(\d+)">user\d+</a>\s+<span class="soft">\(staff:\1\)'
    assert re.search(named, one.page)
    assert one.page.count("https://9.9.9.9/hook") == 1
    assert "Cancel the order" not in one.page
    assert "The order is shipped." not in one.open(page).page
    # What is no longer shown is refused all the same, and nobody acts on what they have not seen.
    other.post(act, {**stale, "note": "changed their mind"})
    assert other.answer.status_code == 409
    assert "Somebody has changed this, or it has changed by itself" in other.page
    for number, garbage in enumerate(("", "x", "-2", "2.0", "²", "9" * 30)):
        other.post(act, {**stale, "key": f"garbage-{number:010}", "version": garbage})
        assert other.answer.status_code == 409, garbage
        assert "Somebody has changed this" in other.page, garbage
    fresh = {**stale, "key": "k" * 20, "version": one.form(act, "delivered")["version"]}
    other.post(act, fresh)
    assert (other.answer.status_code, "A shipped order cannot become" in other.page) == (409, True)
    one.post(act, {**one.form(act, "delivered"), "status": "sold", "tracking_number": "x" * 101})
    assert one.answer.status_code == 422
    assert 'role="alert"' in one.page
    assert acts(shop) == [("console.orders.advance", "order", str(order_id))]


def test_money_goes_back_once_however_often_it_is_sent(
    shop: Flask, fake_stripe: FakeStripe
) -> None:
    order_id = new_order(shop, fake_stripe)
    act, page = f"/admin/orders/{order_id}/refunds", f"/admin/orders/{order_id}"
    one, other = Browser.of(shop).open(page), Browser.of(shop).open(page)
    form, stale = one.form(act, "refund"), other.form(act, "refund")
    one.post(act, {**form, "amount": "99.00", "reason": "torn"})
    assert one.answer.status_code == 409
    assert 'value="99.00"' in one.page
    assert 'value="torn"' in one.page
    one.post(act, {**one.form(act, "refund"), "amount": "much"})
    assert one.answer.status_code == 422
    assert 'aria-describedby="refund-amount-hint refund-amount-error"' in one.page
    form = {**one.form(act, "refund"), "amount": "10.00"}
    for _ in range(2):
        one.post(act, form)
        assert (one.answer.status_code, one.at) == (200, page)
        assert "10.00 USD are on their way back." in one.page
    # Somebody else was about to give the same back.
    for changed in ({}, {"version": "all", "key": "k" * 20}):
        other.post(act, {**stale, "amount": "10.00", **changed})
        assert (other.answer.status_code, "Somebody has changed" in other.page) == (409, True)
    with shop.app_context():
        assert [row.amount for row in db.session.scalars(select(Refund))] == [1000]
    assert acts(shop) == [("console.orders.refund", "order", str(order_id))]


def test_orders_are_found_and_paged_in_a_few_statements(shop: Flask) -> None:
    with shop.app_context():
        reader = make_user("Reader")
        orders = [place(reader) for _ in range(3)]
        number, day = orders[0].number, clock.today()
        with unit_of_work() as session:
            old = session.get_one(Order, orders[0].id)
            old.created_at = clock.now() - timedelta(days=9)
        place()
    clerk = Browser.of(shop)

    def found(query: str) -> int:
        clerk.open(f"/admin/orders/?{query}")
        assert clerk.answer.status_code == 200, clerk.page
        return clerk.page.count('<td role="cell" data-label="Number"')

    assert found("") == 4
    for query, count in {
        f"q={number}": 1,
        f"q={number.replace('-', '').lower()}": 1,
        "q=reader": 3,
        "q=READER@example.com": 3,
        "q=nobody": 0,
        "status=pending&payment_status=unpaid&q=reader": 3,
        "status=shipped": 0,
        f"from={day}": 3,
        f"from={day - timedelta(days=9)}&to={day - timedelta(days=9)}": 1,
    }.items():
        assert found(query) == count, query
    clerk.open("/admin/orders/?status=sold&from=yesterday")
    assert clerk.answer.status_code == 422
    assert 'id="from-error"' in clerk.page
    with statements(shop) as few:
        found("q=reader")
    with shop.app_context():
        reader = db.session.scalars(select(User).where(User.username == "Reader")).one()
        for _ in range(25):
            place(reader)
    with statements(shop) as many:
        assert found("q=reader") == 25
    assert len(many) == len(few) == 3
    clerk.open(clerk.page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&"))
    assert clerk.page.count('<td role="cell" data-label="Number"') == 3
    with statements(shop) as one:
        clerk.open(f"/admin/orders/{orders[0].id}")
    assert len(one) == 9


def test_what_people_type_is_text(shop: Flask) -> None:
    with shop.app_context():
        book = make_book(title=SCRIPT)
        order = place()
        with unit_of_work() as session:
            held = session.get_one(Order, order.id)
            held.items[0].title = book.title
            held.shipping_address = {**ADDRESS, "name": SCRIPT}
    page = Browser.of(shop).open(f"/admin/orders/{order.id}").page
    assert SCRIPT not in page
    assert page.count("&lt;script&gt;alert(1)") == 2
