"""Webhook endpoints over the API: who may, secrets, what they subscribe to."""

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import IdempotencyKey, WebhookDelivery, WebhookEndpoint
from bookstore.services import vault, webhooks
from bookstore.unit_of_work import unit_of_work
from tests.api.v2.operations import ENDPOINT
from tests.clients import Client, ok, problem

URL = ENDPOINT["url"]


def make(clerk: Client, **fields: Any) -> dict[str, Any]:
    """Register an endpoint."""
    return dict(ok(clerk.post("/webhooks/endpoints", {**ENDPOINT, **fields}), 201))


def alter(shop: Flask, **values: Any) -> None:
    """Change all endpoints, as the worker or time would."""
    with shop.app_context(), unit_of_work() as session:
        session.execute(update(WebhookEndpoint).values(**values))


def row(shop: Flask) -> WebhookEndpoint:
    """Return the only endpoint there is."""
    with shop.app_context():
        return db.session.scalars(select(WebhookEndpoint)).one()


def test_an_endpoint_is_made_changed_and_removed(clerk: Client) -> None:
    made = clerk.post("/webhooks/endpoints", {**ENDPOINT, "description": " CRM "})
    body = ok(made, 201)
    where = made.headers["Location"]
    assert where == f"/api/v2/webhooks/endpoints/{body['id']}"
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", body.pop("secret"))
    assert ok(clerk.get(where)) == body
    assert body == {
        "id": body["id"],
        "url": URL,
        "description": "CRM",
        "events": ["order.*"],
        "is_active": True,
        "disabled_reason": None,
        "disabled_at": None,
        "failing_since": None,
        "circuit": "closed",
        "previous_secret_until": None,
        "created_at": body["created_at"],
        "updated_at": body["updated_at"],
    }
    changes = {"events": ["review.posted", "*", "review.posted"], "description": ""}
    changed = ok(clerk.patch(where, changes))
    assert changed["events"] == ["*", "review.posted"]
    assert changed["url"] == URL
    assert ok(clerk.get("/webhooks/endpoints"))["data"] == [changed]
    ok(clerk.delete(where), 204)
    problem(clerk.get(where), 404, "not_found")
    problem(clerk.delete(where), 404, "not_found")


def test_the_list_comes_in_pages(clerk: Client) -> None:
    ids = [make(clerk)["id"] for _ in range(3)]
    first = ok(clerk.get("/webhooks/endpoints?limit=2&count=true"))
    rest = ok(clerk.get(f"/webhooks/endpoints?limit=2&cursor={first['next_cursor']}"))
    assert [item["id"] for item in first["data"] + rest["data"]] == ids[::-1]
    assert (first["total"], rest["next_cursor"]) == (3, None)


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/endpoints",
        "/webhooks/endpoints/1",
        "/webhooks/endpoints/1/deliveries",
        "/webhooks/deliveries/1",
        "/webhooks/event-types",
        "/events",
        "/events/evt_1",
    ],
)
def test_only_staff_may(client: Client, reader: Client, path: str) -> None:
    problem(client.get(path), 401, "unauthenticated")
    problem(reader.get(path), 403, "forbidden")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hooks",
        "http://[::1]/",
        "https://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "https://[64:ff9b::7f00:1]/",
        "ftp://9.9.9.9/",
        "https://user:word@9.9.9.9/",
        "file:///etc/passwd",
        "",
    ],
)
def test_urls_that_are_not_allowed(shop: Flask, clerk: Client, url: str) -> None:
    body = problem(
        clerk.post("/webhooks/endpoints", {**ENDPOINT, "url": url}), 422, "url_not_allowed"
    )
    assert list(body["errors"]) == ["url"]
    made = make(clerk)
    refused = clerk.patch(f"/webhooks/endpoints/{made['id']}", {"url": url})
    problem(refused, 422, "url_not_allowed")
    assert row(shop).url == URL


@pytest.mark.parametrize(
    ("events", "field"),
    [
        ([], "events"),
        (["order.*", "order.lost"], "events.1"),
        (["book.*", "ord*"], "events.1"),
        (["**"], "events.0"),
        ([1], "events.0"),
        (["x" * 61], "events.0"),
        (["ping.*"], "events.0"),
        ("order.*", "events"),
    ],
)
def test_events_that_there_are_not(clerk: Client, events: Any, field: str) -> None:
    body = {**ENDPOINT, "events": events}
    refused = problem(clerk.post("/webhooks/endpoints", body), 422, "validation_failed")
    assert list(refused["errors"]) == [field]
    made = make(clerk)
    refused = problem(
        clerk.patch(f"/webhooks/endpoints/{made['id']}", {"events": events}),
        422,
        "validation_failed",
    )
    assert list(refused["errors"]) == [field]


def test_there_is_a_limit(shop: Flask, clerk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MAX_ENDPOINTS", 2)
    make(clerk)
    made = make(clerk)
    problem(clerk.post("/webhooks/endpoints", ENDPOINT), 409, "endpoint_limit")
    ok(clerk.delete(f"/webhooks/endpoints/{made['id']}"), 204)
    make(clerk)


# -- secrets ------------------------------------------------------------------------------------
def test_the_secret_is_shown_once(shop: Flask, clerk: Client) -> None:
    made = make(clerk)
    path = f"/webhooks/endpoints/{made['id']}"
    for answer in (
        clerk.get(path),
        clerk.get("/webhooks/endpoints"),
        clerk.patch(path, {"description": "x"}),
        clerk.post(f"{path}/test"),
    ):
        assert answer.status_code < 300
        assert 'secret"' not in answer.get_data(as_text=True)
        assert "whsec_" not in answer.get_data(as_text=True)
    with shop.app_context():
        assert vault.unseal(row(shop).secret) == made["secret"]


def test_rotation_keeps_the_old_secret_for_a_day(shop: Flask, clerk: Client) -> None:
    made = make(clerk)
    path = f"/webhooks/endpoints/{made['id']}"
    rotated = ok(clerk.post(f"{path}/rotate-secret"))
    assert rotated["secret"] != made["secret"]
    assert ok(clerk.get(path))["previous_secret_until"] == rotated["previous_secret_until"]
    found = row(shop)
    assert found.previous_until is not None
    left = found.previous_until - clock.now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    with shop.app_context():
        assert vault.unseal(found.secret) == rotated["secret"]
        assert vault.unseal(found.previous_secret or b"") == made["secret"]


def test_a_secret_that_cannot_be_read_is_rotated_away(shop: Flask, clerk: Client) -> None:
    made = make(clerk)
    # As after a change of SECRET_KEY.
    alter(shop, secret=b"gAAAAA junk")
    rotated = ok(clerk.post(f"/webhooks/endpoints/{made['id']}/rotate-secret"))
    assert rotated["previous_secret_until"] is None
    with shop.app_context():
        assert vault.unseal(row(shop).secret) == rotated["secret"]


def test_secrets_are_nowhere_in_clear(
    shop: Flask, clerk: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = clerk.post("/webhooks/endpoints", ENDPOINT, Idempotency_Key="a")
    path = made.headers["Location"]
    rotated = clerk.post(f"{path}/rotate-secret", Idempotency_Key="b")
    ok(clerk.post(f"{path}/test"), 201)
    secrets = [ok(made, 201)["secret"], ok(rotated)["secret"]]
    # Repeated, both answers come again as they were …
    again = clerk.post("/webhooks/endpoints", ENDPOINT, Idempotency_Key="a")
    assert (again.data, again.headers["Idempotency-Replayed"]) == (made.data, "true")
    assert clerk.post(f"{path}/rotate-secret", Idempotency_Key="b").data == rotated.data
    # … yet neither the database, nor a log, nor what a shell would print has them.
    with shop.app_context():
        assert db.session.scalar(select(func.count()).select_from(IdempotencyKey)) == 2
        stored = ""
        for table in db.metadata.sorted_tables:
            for found in db.session.execute(select(table)):
                stored += " ".join(
                    bytes(value).decode("latin-1") if isinstance(value, bytes) else str(value)
                    for value in found
                )
        endpoint = row(shop)
        shown = repr(endpoint) + repr(webhooks.Secret(endpoint, secrets[0]))
    logged = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "webhook_endpoints" in logged or caplog.records
    for secret in secrets:
        for where in (stored, shown, logged):
            assert secret not in where
            assert secret.removeprefix("whsec_") not in where


# -- disabled and enabled -------------------------------------------------------------------------
def test_disabling_holds_and_enabling_sends(shop: Flask, clerk: Client) -> None:
    made = make(clerk)
    path = f"/webhooks/endpoints/{made['id']}"
    ping = ok(clerk.post(f"{path}/test"), 201)
    assert ping["status"] == "pending"
    disabled = ok(clerk.patch(path, {"is_active": False}))
    assert (disabled["is_active"], disabled["disabled_reason"]) == (False, "by_hand")
    assert disabled["disabled_at"]
    problem(clerk.post(f"{path}/test"), 409, "endpoint_disabled")
    assert ok(clerk.get(f"/webhooks/deliveries/{ping['id']}"))["status"] == "held"
    later = clock.now() + timedelta(hours=20)
    with shop.app_context(), unit_of_work() as session:
        session.execute(update(WebhookDelivery).values(next_attempt_at=later))
    failing = {"failures": 12, "warnings": 2, "openings": 5, "disabled_reason": "failing"}
    alter(shop, failing_since=clock.now(), open_until=later, **failing)
    assert ok(clerk.get(path))["circuit"] == "open"
    # Still disabled for the reason for which it was.
    assert ok(clerk.patch(path, {"is_active": False}))["disabled_reason"] == "failing"
    enabled = ok(clerk.patch(path, {"is_active": True}))
    assert (enabled["disabled_reason"], enabled["disabled_at"]) == (None, None)
    assert (enabled["circuit"], enabled["failing_since"]) == ("closed", None)
    found = row(shop)
    assert (found.failures, found.warnings, found.openings) == (0, 0, 0)
    delivery = ok(clerk.get(f"/webhooks/deliveries/{ping['id']}"))
    assert delivery["status"] == "pending"
    assert delivery["next_attempt_at"] <= enabled["updated_at"]


def test_a_new_url_starts_afresh(shop: Flask, clerk: Client) -> None:
    made = make(clerk)
    path = f"/webhooks/endpoints/{made['id']}"
    alter(shop, failures=12, open_until=clock.now() - timedelta(seconds=1), openings=1)
    assert ok(clerk.patch(path, {"url": URL}))["circuit"] == "half_open"
    assert ok(clerk.patch(path, {"url": f"{URL}/v2"}))["circuit"] == "closed"
    assert row(shop).failures == 0


def test_removing_takes_the_deliveries_along(shop: Flask, clerk: Client) -> None:
    made = make(clerk)
    ok(clerk.post(f"/webhooks/endpoints/{made['id']}/test"), 201)
    ok(clerk.delete(f"/webhooks/endpoints/{made['id']}"), 204)
    with shop.app_context():
        for table in ("webhook_deliveries", "webhook_subscriptions"):
            assert db.session.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        assert db.session.scalar(text("SELECT count(*) FROM events")) == 1


def test_event_types_are_listed(clerk: Client) -> None:
    found = {kind["name"]: kind for kind in ok(clerk.get("/webhooks/event-types"))["data"]}
    assert {"order.created", "book.low_stock", "webhook.endpoint_disabled", "ping"} <= set(found)
    created = found["order.created"]
    assert created["description"].endswith(".")
    assert created["example"]["data"]["order_id"]
    assert created["schema"]["properties"]["type"] == {"const": "order.created"}
