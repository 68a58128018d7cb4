"""Events: recorded with what happened, told to who subscribed, numbered, and as the schema says."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask import Flask
from sqlalchemy import func, select, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import (
    Email,
    Event,
    Notification,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSubscription,
)
from bookstore.services import (
    bulk_events,
    cart,
    catalog_editing,
    events,
    orders,
    outgoing_upkeep,
    reviews,
    vault,
    webhooks,
)
from bookstore.services.actors import SYSTEM
from bookstore.services.event_types import TYPES, envelope_schema
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS
from tests.factories import make_book, make_user
from tests.services.imports import GOOD, load

HOME = {**ADDRESS, "line2": "", "region": ""}


def endpoint(*patterns: str, is_active: bool = True) -> int:
    """Return the id of a new endpoint (by hand: no URL is looked at)."""
    with unit_of_work() as session:
        found = WebhookEndpoint(
            url="https://example.com/hooks",
            secret=vault.seal("whsec_"),
            is_active=is_active,
            subscriptions=[WebhookSubscription(pattern=pattern) for pattern in patterns],
        )
        session.add(found)
        session.flush()
        return found.id


def told(endpoint_id: int) -> list[str]:
    """Return the types of the events on their way to an endpoint, in the order they happened."""
    query = select(Event.type).join(WebhookDelivery).order_by(WebhookDelivery.id)
    return list(db.session.scalars(query.where(WebhookDelivery.endpoint_id == endpoint_id)))


def stored(**which: Any) -> list[dict[str, Any]]:
    """Return the bodies of events, in the order they happened."""
    query = select(Event.body).filter_by(**which).order_by(Event.id)
    return [json.loads(body) for body in db.session.scalars(query)]


def count(model: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def order_of(buyer: Any, book_id: int, copies: int = 1) -> Any:
    cart.add_item(buyer, book_id, copies)
    return orders.place(buyer, HOME)


def test_who_subscribed_is_told(app: Flask) -> None:
    exact, family, every = endpoint("order.created"), endpoint("order.*"), endpoint("*")
    both, none, off = endpoint("order.*", "*"), endpoint("review.*"), endpoint("*", is_active=False)
    book = make_book(stock=20)
    order = order_of(make_user(), book.id)
    orders.advance(SYSTEM, order.id, "processing")
    everything = ["book.created", "order.created", "order.processing"]
    assert told(exact) == ["order.created"]
    assert told(family) == ["order.created", "order.processing"]
    # Matched by two patterns, told once; a disabled one's wait for it.
    assert told(every) == told(both) == told(off) == everything
    assert told(none) == []
    statuses = set(db.session.execute(select(WebhookDelivery.status, WebhookDelivery.attempts)))
    assert {tuple(row) for row in statuses} == {("pending", 0)}


def test_what_is_undone_never_happened(app: Flask) -> None:
    endpoint("*")
    book = make_book()
    with pytest.raises(RuntimeError, match="on second thoughts"), unit_of_work():
        catalog_editing.update_book(SYSTEM, book.id, {"price": 1})
        raise RuntimeError("on second thoughts")
    assert [event["type"] for event in stored()] == ["book.created"]
    assert count(WebhookDelivery) == 1


def test_the_envelope(app: Flask) -> None:
    book = make_book("Dune", price=999)
    body = stored()[0]
    assert list(body) == [
        "id", "type", "event_type", "api_version", "timestamp", "sequence", "data",
    ]  # fmt: skip
    assert body["type"] == body["event_type"] == "book.created"
    assert (body["api_version"], body["sequence"]) == ("v2", 1)
    assert body["timestamp"].endswith("Z")
    assert body["data"]["book_id"] == book.id
    assert (body["data"]["title"], body["data"]["price"]) == ("Dune", "9.99")
    found = events.get(body["id"])
    assert found is not None
    assert json.loads(found.body) == body
    assert events.get("evt_none") is None


def test_the_events_of_one_thing_are_numbered(app: Flask) -> None:
    buyer, book, other = make_user(), make_book(stock=20), make_book()
    first, second = order_of(buyer, book.id), order_of(buyer, book.id)
    for status in ("processing", "shipped", "delivered"):
        orders.advance(SYSTEM, first.id, status)
    orders.cancel(buyer, second.id)
    for price in (5, 6):
        catalog_editing.update_book(SYSTEM, book.id, {"price": price})

    def numbers(aggregate: str, which: int) -> list[tuple[str, int]]:
        found = stored(aggregate=aggregate, aggregate_id=which)
        return [(event["type"].partition(".")[2], event["sequence"]) for event in found]

    assert numbers("order", first.id) == [
        ("created", 1), ("processing", 2), ("shipped", 3), ("delivered", 4),
    ]  # fmt: skip
    assert numbers("order", second.id) == [("created", 1), ("cancelled", 2)]
    assert numbers("book", book.id) == [("created", 1), ("updated", 2), ("updated", 3)]
    assert numbers("book", other.id) == [("created", 1)]


def test_an_order_is_told_by_mail_and_in_the_app_once(app: Flask) -> None:
    order_of(make_user(), make_book(stock=20).id)
    assert count(Email) == count(Notification) == 1
    assert db.session.scalars(select(Email.template)).one() == "order_confirmation"


def test_one_endpoint_alone_gets_its_ping(app: Flask) -> None:
    mine, other = endpoint("order.*"), endpoint("*")
    webhooks.ping(SYSTEM, mine)
    webhooks.ping(SYSTEM, mine)
    assert (told(mine), told(other)) == (["ping", "ping"], [])
    assert [event["sequence"] for event in stored(type="ping")] == [1, 2]


def test_low_stock_is_told_when_it_becomes_low(app: Flask) -> None:
    buyer, book = make_user(), make_book(stock=7)
    for _ in range(3):
        order_of(buyer, book.id)
    catalog_editing.update_book(SYSTEM, book.id, {"stock": 30})
    catalog_editing.update_book(SYSTEM, book.id, {"stock": 0})
    found = [event["data"]["stock"] for event in stored(type="book.low_stock")]
    assert found == [5, 0]


def journey(tmp_path: Path) -> None:
    """Make everything happen that the shop tells of."""
    buyer, book = make_user(), make_book(stock=6)
    first, second = order_of(buyer, book.id), order_of(buyer, book.id)
    for status in ("processing", "shipped", "delivered"):
        orders.advance(SYSTEM, first.id, status)
    orders.cancel(buyer, second.id)
    catalog_editing.update_book(SYSTEM, book.id, {"title": "Another", "stock": 40})
    reviews.post(buyer, book.id, 4)
    webhooks.ping(SYSTEM, endpoint("*"))
    load(tmp_path, GOOD)
    load(tmp_path, GOOD.replace("9.99", "8.99"))


def test_every_event_is_as_its_schema_says(app: Flask, tmp_path: Path) -> None:
    journey(tmp_path)
    found = stored()
    for event in found:
        schema = envelope_schema(TYPES[event["type"]])
        jsonschema.Draft202012Validator(
            schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        ).validate(event)
        # Nothing that the schema does not know: receivers' documents are complete.
        assert set(event["data"]) <= set(schema["properties"]["data"]["properties"])
        assert set(event) == set(schema["properties"])
    assert {event["type"] for event in found} == {
        "order.created", "order.processing", "order.shipped", "order.delivered",
        "order.cancelled", "book.created", "book.updated", "book.low_stock",
        "review.posted", "ping",
    }  # fmt: skip


# -- imports ------------------------------------------------------------------------------------
def test_an_import_tells_of_each_book(app: Flask, tmp_path: Path) -> None:
    books = endpoint("book.*")
    orders_only = endpoint("order.*")
    load(tmp_path, GOOD)
    assert told(books) == ["book.created", "book.created"]
    changed = GOOD.replace("9.99", "8.99").replace("Terry Pratchett;Neil", "Neil")
    load(tmp_path, changed.replace("USD,5,", "USD,2,"), set_stock=True)
    load(tmp_path, changed.replace("USD,5,", "USD,2,"), set_stock=True)
    assert told(books) == ["book.created", "book.created", "book.updated"]
    assert told(orders_only) == []
    last = stored()[-1]
    assert last["type"] == "book.updated"
    assert last["sequence"] == 2
    assert last["data"]["changed"] == ["author_ids", "price", "stock"]
    assert (last["data"]["price"], last["data"]["stock"]) == ("8.99", 2)
    assert last["data"]["version"] == 2
    load(tmp_path, changed.replace("USD,5,", "USD,0,"), set_stock=True)
    assert told(books)[3:] == ["book.updated", "book.low_stock"]
    assert [event["sequence"] for event in stored()[-2:]] == [3, 4]


def test_a_dry_run_tells_nothing(app: Flask, tmp_path: Path) -> None:
    load(tmp_path, GOOD, dry_run=True)
    assert stored() == []


def test_in_bulk_only_what_concerns_no_user(app: Flask) -> None:
    with pytest.raises(ValueError, match="order.shipped"):
        bulk_events.record_many("order.shipped", {1: {}})


def test_bulk_goes_on_where_the_others_stopped(app: Flask) -> None:
    book, other = make_book(), make_book()
    data = {**catalog_editing.event_data(book), "changed": []}
    bulk_events.record_many("book.updated", {book.id: data, other.id: data})
    events.record("book.updated", data, aggregate_id=book.id)
    bulk_events.record_many("book.updated", {})
    found = stored(aggregate="book", aggregate_id=book.id)
    assert [event["sequence"] for event in found] == [1, 2, 3]
    assert len(stored()) == 5


def test_numbers_go_on_when_old_events_are_forgotten(app: Flask) -> None:
    book, order = make_book(stock=20), order_of(make_user(), make_book(stock=20).id)
    catalog_editing.update_book(SYSTEM, book.id, {"price": 5})
    old = clock.now() - timedelta(days=91)
    with unit_of_work() as session:
        session.execute(update(Email).values(status="succeeded"))
        session.execute(update(Event).values(created_at=old))
    # Of the books' three events the first of the one that has two; and that of the order.
    assert outgoing_upkeep.forget_events() == 2
    assert stored(aggregate="order", aggregate_id=order.id) == []
    catalog_editing.update_book(SYSTEM, book.id, {"price": 6})
    found = stored(aggregate="book", aggregate_id=book.id)
    assert [event["sequence"] for event in found] == [2, 3]


def test_what_has_the_id_of_something_deleted(app: Flask) -> None:
    """SQLite gives ids again; the events of what had them before are still there."""
    reader = make_user()
    for _ in range(2):
        book = make_book()
        review = reviews.post(reader, book.id, 5)
        reviews.delete_review(reader, book.id, review.id)
        catalog_editing.delete_book(SYSTEM, book.id)
    told = db.session.scalars(select(Event.type).order_by(Event.id)).all()
    assert [told.count(kind) for kind in ("book.created", "review.posted")] == [2, 2]
