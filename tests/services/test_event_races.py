"""Events recorded while endpoints come and go, on the database that does both at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.models import (
    Event,
    PushMessage,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from bookstore.services import bulk_events, catalog_editing, events, notifications, webhooks
from bookstore.services.actors import SYSTEM, Actor
from tests.factories import make_book, make_user
from tests.services.races import Held, in_thread, wait_for

pytestmark = pytest.mark.parametrize("database", ["postgresql"])
URL = "https://9.9.9.9/hooks"


def count(app: Flask, model: Any) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def told(app: Flask) -> list[int]:
    """Return the endpoints of the deliveries."""
    with app.app_context():
        found = select(WebhookDelivery.endpoint_id).order_by(WebhookDelivery.id)
        return list(db.session.scalars(found))


@pytest.fixture
def endpoint(shop: Flask) -> int:
    with shop.app_context():
        return webhooks.create(SYSTEM, URL, ["book.*"]).endpoint.id


def test_an_endpoint_removed_while_it_is_told(shop: Flask, endpoint: int) -> None:
    with ThreadPoolExecutor(2) as pool:
        happened = Held(shop, pool, make_book)
        removed = in_thread(shop, pool, lambda: webhooks.remove(SYSTEM, endpoint))
        wait_for(shop, 1)
        happened.commit()
        removed.result(20)
    # The book is there, and so is its event; nobody is left to be told of it.
    assert (count(shop, Event), count(shop, WebhookDelivery)) == (1, 0)
    assert count(shop, WebhookEndpoint) == 0


def low_stock() -> None:
    """Record an event of many at once."""
    data = {"book_id": 1, "title": "A", "stock": 1, "threshold": 5}
    bulk_events.record_many("book.low_stock", {1: data})


@pytest.mark.parametrize("happens", [make_book, low_stock])
def test_removing_an_endpoint_holds_nobody_up(
    shop: Flask, endpoint: int, happens: Callable[[], object]
) -> None:
    with shop.app_context():
        other = webhooks.create(SYSTEM, URL, ["book.*"]).endpoint.id

    def delete_row() -> None:
        # Only the row: its subscriptions are found.
        found = delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint)
        db.session.execute(found.execution_options(synchronize_session=False))

    with ThreadPoolExecutor(2) as pool:
        removed = Held(shop, pool, delete_row)
        in_thread(shop, pool, happens).result(20)
        assert (count(shop, Event), told(shop)) == (1, [other])
        removed.commit()
    assert (count(shop, Event), told(shop)) == (1, [other])


@pytest.mark.parametrize("happens", [make_book, low_stock])
def test_changing_an_endpoint_holds_nobody_up(
    shop: Flask, endpoint: int, happens: Callable[[], object]
) -> None:
    with ThreadPoolExecutor(2) as pool:
        change = {"description": "slowly", "is_active": False}
        changed = Held(shop, pool, lambda: webhooks.change(SYSTEM, endpoint, change))
        in_thread(shop, pool, happens).result(20)
        changed.commit()
    assert told(shop) == [endpoint]


def test_an_endpoint_goes_bit_by_bit(
    shop: Flask, endpoint: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_BATCH", 2)
    with shop.app_context():
        for _ in range(6):
            make_book()
        first = db.session.scalar(select(func.min(WebhookDelivery.id)))

    def write_down() -> None:
        attempt = WebhookAttempt(delivery_id=first, at=clock.now(), duration_ms=1)
        db.session.add(attempt)
        db.session.flush()

    with ThreadPoolExecutor(3) as pool:
        attempted = Held(shop, pool, write_down)
        removed = in_thread(shop, pool, lambda: webhooks.remove(SYSTEM, endpoint))
        wait_for(shop, 1)
        # Its row comes last, and only that waits; it is told nothing any more.
        assert told(shop) == [endpoint]
        in_thread(shop, pool, make_book).result(20)
        assert (count(shop, Event), count(shop, WebhookDelivery)) == (7, 1)
        attempted.commit()
        removed.result(20)
    assert (count(shop, WebhookDelivery), count(shop, WebhookAttempt)) == (0, 0)
    assert count(shop, WebhookEndpoint) == 0


def test_a_device_that_is_being_removed(shop: Flask) -> None:
    with shop.app_context():
        user = Actor(make_user().id, "a user")
        gone = notifications.add_device(user, "token a", "android").id
        kept = notifications.add_device(user, "token b", "android").id

    def pay() -> None:
        data = {"number": "1", "total_amount": "1", "currency": "usd"}
        events.record("order.paid", data, aggregate_id=1, user_id=user.id)

    with ThreadPoolExecutor(2) as pool:
        removed = Held(shop, pool, lambda: notifications.remove_device(user, gone))
        in_thread(shop, pool, pay).result(20)
        removed.commit()
    with shop.app_context():
        assert db.session.scalars(select(PushMessage.device_id)).all() == [kept]


def test_the_events_of_one_book_are_numbered_one_by_one(shop: Flask) -> None:
    with shop.app_context():
        book = make_book().id

    def change(price: int) -> Callable[[], Any]:
        return lambda: catalog_editing.update_book(SYSTEM, book, {"price": price})

    with ThreadPoolExecutor(2) as pool:
        first = Held(shop, pool, change(1))
        second = in_thread(shop, pool, change(2))
        wait_for(shop, 1)
        first.commit()
        second.result(20)
    with shop.app_context():
        found = db.session.scalars(select(Event.sequence).order_by(Event.id)).all()
    assert found == [1, 2, 3]


def test_the_last_place_is_taken_once(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MAX_ENDPOINTS", 1)

    def create() -> int:
        return webhooks.create(SYSTEM, URL, ["*"]).endpoint.id

    with ThreadPoolExecutor(2) as pool:
        first = Held(shop, pool, create)
        second = in_thread(shop, pool, create)
        wait_for(shop, 1)
        first.commit()
        with pytest.raises(errors.EndpointLimit):
            second.result(20)
    assert count(shop, WebhookEndpoint) == 1
