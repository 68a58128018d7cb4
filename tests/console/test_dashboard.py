"""The dashboard: its figures are those of the reports, and cost the same however much was sold."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bookstore import clock
from bookstore.extensions import db
from bookstore.gateways import cache
from bookstore.models import Order, ShoppingCart
from bookstore.services import cart as carts, dashboard, reports
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import statements
from tests.console.browsing import Browser
from tests.factories import make_book, make_user
from tests.fakes.stripe import FakeStripe
from tests.paying import paid, place


def test_days_add_up_to_the_report(
    shop: Flask, fake_stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.app_context():
        now, today = clock.now(), clock.today()
        with monkeypatch.context() as before:
            before.setattr(clock, "now", lambda: now - timedelta(days=2))
            place(price=6000)
        paid(fake_stripe, place(price=4501))
        place()
        start = today - timedelta(days=29)
        days = reports.by_day(SYSTEM, start, today)
        assert [day["day"] for day in days] == [start + timedelta(days=n) for n in range(30)]
        assert days[-1] == {"day": today, "orders": 2, "revenue": 5000}
        assert days[-2] == {"day": today - timedelta(days=1), "orders": 0, "revenue": 0}
        assert days[-3] == {"day": today - timedelta(days=2), "orders": 1, "revenue": 0}
        whole = reports.sales(SYSTEM, start, today)
        assert sum(day["orders"] for day in days) == whole["orders"]
        assert sum(day["revenue"] for day in days) == whole["revenue"]


def test_the_page_shows_what_needs_somebody(shop: Flask, fake_stripe: FakeStripe) -> None:
    with shop.app_context():
        reader = make_user()
        paid(fake_stripe, place(price=4501))
        with unit_of_work() as session:
            session.get_one(Order, place().id).payment_status = "review"
        carts.add_item(reader, make_book("A <b>bold</b> title", price=1000, stock=1).id, 1)
        with unit_of_work() as session:
            [left] = session.query(ShoppingCart).filter_by(user_id=reader.id)
            left.updated_at = clock.now() - timedelta(days=8)
        assert reports.abandoned_sum(SYSTEM) == {"carts": 1, "value": 1000}
        board = dashboard.collect(SYSTEM)
        assert {name: board.waiting[name] for name in ("review", "unpaid", "to_send")} == {
            "review": 1,
            "unpaid": 1,
            "to_send": 1,
        }
        assert board.waiting["low_stock"] == 1
        assert board.revenue == 5000
    clerk = Browser.of(shop)
    with statements(shop) as few:
        clerk.open("/admin/")
    assert not [one for one in few if "cart_items" in one]
    assert 'href="/admin/orders/?payment_status=review">1</a>' in clerk.page
    assert clerk.page.count('<svg class="chart"') == 2
    with shop.app_context():
        for _ in range(3):
            paid(fake_stripe, place())
        db.session.remove()
    with statements(shop) as many:
        clerk.open("/admin/")
    assert len(many) == len(few)


def test_what_is_in_carts_is_added_up_once_a_minute(
    shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = Browser.of(shop)
    with shop.app_context():
        reader, now = make_user(), clock.now()
        book = make_book(price=1000).id

        def leave_one_more() -> None:
            carts.add_item(reader, book, 1)
            with unit_of_work() as session:
                [left] = session.query(ShoppingCart).filter_by(user_id=reader.id)
                left.updated_at = now - timedelta(days=8)

        def seen(seconds: int) -> tuple[int, datetime]:
            with monkeypatch.context() as later:
                later.setattr(clock, "now", lambda: now + timedelta(seconds=seconds))
                board = dashboard.collect(SYSTEM)
                clerk.open("/admin/")
            at = board.carts_at.isoformat(timespec="seconds")
            assert f'as of <time datetime="{at}">' in clerk.page
            return board.carts["value"], board.carts_at

        # The login has asked, by the real clock.
        cache.bump("dashboard")
        leave_one_more()
        assert seen(0) == (1000, now)
        leave_one_more()
        assert seen(59) == (1000, now)
        with statements(shop) as asked:
            assert seen(60) == (2000, now + timedelta(seconds=60))
        assert len([one for one in asked if "cart_items" in one]) == 1
        # Clocks of several hosts may differ: what is of the future is asked for anew.
        assert seen(30) == (2000, now + timedelta(seconds=30))


def test_without_redis_it_is_added_up_each_time(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        app.extensions, "bookstore_redis", Redis(port=9, retry=Retry(NoBackoff(), 0))
    )
    first = dashboard.collect(SYSTEM)
    assert first.carts == {"carts": 0, "value": 0}
    assert dashboard.collect(SYSTEM).carts_at > first.carts_at
