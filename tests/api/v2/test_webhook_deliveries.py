"""Deliveries over the API: how they went, and sending them again."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from bookstore import clock
from bookstore.extensions import db, redis_handle
from bookstore.models import Event, WebhookAttempt, WebhookDelivery
from bookstore.services import bulk_events, webhook_log
from bookstore.unit_of_work import unit_of_work
from tests.clients import Client, ok, problem, statements
from tests.factories import new_book

START = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
RETURN = {"url": "https://9.9.9.9/hooks", "events": ["book.*"]}


@pytest.fixture
def endpoint(clerk: Client) -> str:
    """The path of an endpoint that wants to know of books."""
    made = ok(clerk.post("/webhooks/endpoints", RETURN), 201)
    return f"/webhooks/endpoints/{made['id']}"


def ended(shop: Flask, delivery_id: int | None = None, **values: Any) -> None:
    """Write down how deliveries ended, as the worker does."""
    which = WebhookDelivery.id == delivery_id if delivery_id else WebhookDelivery.id > 0
    over = {"attempts": 10, "finished_at": clock.now(), "last_error": "status 500", **values}
    with shop.app_context(), unit_of_work() as session:
        session.execute(update(WebhookDelivery).where(which).values(**over))


def listed(clerk: Client, endpoint: str, query: str = "") -> list[dict[str, Any]]:
    return list(ok(clerk.get(f"{endpoint}/deliveries{query}"))["data"])


def test_a_delivery_and_its_attempts(shop: Flask, clerk: Client, endpoint: str) -> None:
    book = new_book(shop, title="Dune")
    [delivery] = listed(clerk, endpoint)
    event = ok(clerk.get("/events/" + delivery["event"]["id"]))
    assert event["data"]["book_id"] == book
    assert delivery == {
        "id": delivery["id"],
        "event": {
            "id": event["id"],
            "type": "book.created",
            "sequence": 1,
            "timestamp": event["timestamp"],
        },
        "endpoint_id": int(endpoint.rpartition("/")[2]),
        "status": "pending",
        "attempt_count": 0,
        "next_attempt_at": event["timestamp"],
        "last_error": None,
        "created_at": event["timestamp"],
        "finished_at": None,
    }
    with shop.app_context(), unit_of_work() as session:
        for number in range(2):
            attempt = WebhookAttempt(
                delivery_id=delivery["id"],
                at=START + timedelta(seconds=number),
                status_code=500 if number else None,
                error=None if number else "connection refused",
                duration_ms=12,
                response="oh\ufffd" if number else "",
            )
            session.add(attempt)
            session.flush()
    ended(shop, status="failed")
    found = ok(clerk.get(f"/webhooks/deliveries/{delivery['id']}"))
    assert found["attempts"] == [
        {
            "at": "2026-03-01T12:00:00Z",
            "status_code": None,
            "error": "connection refused",
            "duration_ms": 12,
            "response": "",
        },
        {
            "at": "2026-03-01T12:00:01Z",
            "status_code": 500,
            "error": None,
            "duration_ms": 12,
            "response": "oh\ufffd",
        },
    ]
    assert (found["status"], found["attempt_count"]) == ("failed", 10)
    assert (found["last_error"], found["next_attempt_at"]) == ("status 500", None)
    assert found["finished_at"]
    problem(clerk.get("/webhooks/deliveries/999"), 404, "not_found")


def test_filters_and_pages(shop: Flask, clerk: Client, endpoint: str) -> None:
    other = ok(clerk.post("/webhooks/endpoints", RETURN), 201)["id"]
    book = new_book(shop)
    for price in ("1.00", "2.00", "3.00"):
        ok(clerk.patch(f"/books/{book}", {"price": price}, If_Match="*"))
    every = [item["id"] for item in listed(clerk, endpoint)]
    assert every == sorted(every, reverse=True)
    assert len(every) == 4
    ended(shop, every[0], status="failed")
    ended(shop, every[1], status="succeeded")

    def ids(query: str) -> list[int]:
        return [item["id"] for item in listed(clerk, endpoint, query)]

    assert ids("?status=failed") == [every[0]]
    assert ids("?status=succeeded") == [every[1]]
    assert ids("?status=pending") == every[2:]
    assert ids("?status=held") == []
    assert ids("?event_type=book.created") == [every[3]]
    assert ids("?event_type=book.*&status=pending") == every[2:]
    page = ok(clerk.get(f"{endpoint}/deliveries?limit=3&count=true"))
    assert page["total"] == 4
    assert ids(f"?limit=3&cursor={page['next_cursor']}") == [every[3]]
    ok(clerk.patch(endpoint, {"is_active": False}))
    assert ids("?status=held") == every[2:]
    assert ids("?status=pending") == []
    assert len(listed(clerk, f"/webhooks/endpoints/{other}")) == 4
    for query, field in (("status=lost", "status"), ("event_type=book", "event_type")):
        refused = clerk.get(f"{endpoint}/deliveries?{query}")
        assert list(problem(refused, 422, "validation_failed")["errors"]) == [field]
    problem(clerk.get("/webhooks/endpoints/999/deliveries"), 404, "not_found")


def test_a_page_takes_few_statements(shop: Flask, clerk: Client, endpoint: str) -> None:
    for _ in range(5):
        new_book(shop)
    with statements(shop) as found:
        assert len(listed(clerk, endpoint)) == 5
    # Who asks, the endpoint, the page.
    assert len(found) == 3, found


@pytest.mark.parametrize("status", ["failed", "succeeded"])
def test_one_is_sent_again(shop: Flask, clerk: Client, endpoint: str, status: str) -> None:
    new_book(shop)
    [before] = listed(clerk, endpoint)
    ended(shop, status=status)
    again = ok(clerk.post(f"/webhooks/deliveries/{before['id']}/redeliver"), 202)
    assert (again["status"], again["attempt_count"]) == ("pending", 0)
    assert (again["last_error"], again["finished_at"]) == (None, None)
    # The event is the same, so webhook-id is.
    assert again["event"] == before["event"]
    assert awake(shop)
    problem(clerk.post("/webhooks/deliveries/999/redeliver"), 404, "not_found")


def test_what_is_being_sent_is_left_alone(shop: Flask, clerk: Client, endpoint: str) -> None:
    new_book(shop)
    [delivery] = listed(clerk, endpoint)
    soon = clock.now() + timedelta(seconds=50)
    leased = {"lease_owner": "a worker", "next_attempt_at": soon, "finished_at": None}
    ended(shop, status="pending", **leased)
    again = ok(clerk.post(f"/webhooks/deliveries/{delivery['id']}/redeliver"), 202)
    assert again["attempt_count"] == 10
    # The worker died: its lease has run out.
    ended(shop, status="pending", **(leased | {"next_attempt_at": clock.now()}))
    again = ok(clerk.post(f"/webhooks/deliveries/{delivery['id']}/redeliver"), 202)
    assert again["attempt_count"] == 0


def test_a_replay_of_what_failed(shop: Flask, clerk: Client, endpoint: str) -> None:
    for _ in range(4):
        new_book(shop)
    ids = [item["id"] for item in listed(clerk, endpoint)][::-1]
    for hour, (delivery_id, status) in enumerate(
        zip(ids, ("failed", "succeeded", "failed", "failed"), strict=True)
    ):
        ended(shop, delivery_id, status=status, created_at=START + timedelta(hours=hour))
    path = f"{endpoint}/replay"
    body = {"since": "2026-03-01T12:00:01Z", "dry_run": True}
    assert ok(clerk.post(path, body), 202) == {"count": 2, "dry_run": True}
    assert len(listed(clerk, endpoint, "?status=failed")) == 3
    assert ok(clerk.post(path, body | {"status": "all"}), 202)["count"] == 3
    # With an offset, and up to 14:00 UTC without that instant.
    bounds = {"since": "2026-03-01T13:00:00+01:00", "until": "2026-03-01T14:00:00Z"}
    assert ok(clerk.post(path, bounds), 202) == {"count": 1, "dry_run": False}
    assert [item["id"] for item in listed(clerk, endpoint, "?status=pending")] == [ids[0]]
    assert awake(shop)
    types = body | {"event_types": ["book.updated", "order.*"]}
    assert ok(clerk.post(path, types), 202)["count"] == 0
    types["event_types"] = ["book.*"]
    assert ok(clerk.post(path, types), 202)["count"] == 2
    ended(shop, ids[2], status="failed")
    body["dry_run"] = False
    assert ok(clerk.post(path, body, Idempotency_Key="a"), 202)["count"] == 2
    ended(shop, ids[2], status="failed")
    assert ok(clerk.post(path, body, Idempotency_Key="a"), 202)["count"] == 2
    assert len(listed(clerk, endpoint, "?status=failed")) == 1
    problem(clerk.post("/webhooks/endpoints/999/replay", body), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "since"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-03-01"}, "since"),
        ({"since": "2026-03-01T12:00:00"}, "since"),
        ({"since": "2026-13-01T12:00:00Z"}, "since"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "since"),
        ({"since": "9999-12-31T23:59:59-12:00"}, "since"),
        ({"since": 1772366400}, "since"),
        ({"until": "x"}, "until"),
        ({"status": "pending"}, "status"),
        ({"event_types": ["book.*", "none"]}, "event_types.1"),
        ({"event_types": []}, "event_types"),
        ({"dry_run": "maybe"}, "dry_run"),
    ],
)
def test_replays_that_are_none(
    clerk: Client, endpoint: str, body: dict[str, Any], field: str
) -> None:
    if field != "since":
        body = {"since": "2026-03-01T12:00:00Z", **body}
    refused = problem(clerk.post(f"{endpoint}/replay", body), 422, "validation_failed")
    assert list(refused["errors"]) == [field]


def test_thousands_in_few_statements(shop: Flask, clerk: Client, endpoint: str) -> None:
    data = {"book_id": 1, "title": "A", "stock": 1, "threshold": 5}
    with shop.app_context():
        bulk_events.record_many("book.low_stock", dict.fromkeys(range(1, 3001), data))
        assert db.session.scalar(select(func.count()).select_from(Event)) == 3000
    ended(shop, status="failed")
    body = {"since": "2026-01-01T00:00:00Z"}
    with statements(shop) as found:
        assert ok(clerk.post(f"{endpoint}/replay", body), 202)["count"] == 3000
    # Who asks, the endpoint; where a stretch of 5,000 ends, and its replay.
    assert len(found) == 5, found  # one of them notes who did it


def test_a_replay_by_stretches(
    shop: Flask, clerk: Client, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_log, "_BATCH", 2)
    other = ok(clerk.post("/webhooks/endpoints", RETURN), 201)["id"]
    for _ in range(6):
        new_book(shop)
    ids = [item["id"] for item in listed(clerk, endpoint)]
    ended(shop, status="failed")
    ended(shop, ids[2], status="succeeded")
    body = {"since": "2026-01-01T00:00:00Z"}
    for dry_run, count in ((True, 5), (False, 5), (False, 0)):
        asked = {**body, "dry_run": dry_run}
        assert ok(clerk.post(f"{endpoint}/replay", asked), 202)["count"] == count
    assert len(listed(clerk, endpoint, "?status=pending")) == 5
    assert len(listed(clerk, f"/webhooks/endpoints/{other}", "?status=failed")) == 6


def awake(shop: Flask) -> bool:
    """Whether the worker was woken."""
    with shop.app_context():
        return bool(redis_handle.client.exists("bookstore:wake:outgoing"))
