"""Faults as Sentry gets them: each once, with where it was, and nothing of anybody."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from bookstore import sentry
from bookstore.app import create_app
from bookstore.extensions import db, redis_handle
from bookstore.gateways import queue
from bookstore.worker.scheduler import Recurring, Scheduler
from tests.clients import Client
from tests.conftest import Apps
from tests.fakes.sentry import FakeSentry
from tests.processes import LiveWorker

SECRETS = (
    "planted-password",
    "planted-ticket",
    "planted-key",
    "planted-bearer",
    "planted-cart",
    "planted-cookie",
    "planted@example.com",
    "Planted Name",
    "4242424242424242",
)


@pytest.fixture
def ingest() -> Iterator[FakeSentry]:
    with FakeSentry() as running:
        yield running


@pytest.fixture
def told(shop: Flask, ingest: FakeSentry) -> Iterator[Flask]:
    """The shop on the same database, with Sentry."""
    plain = shop.config["SETTINGS"]
    made = create_app(replace(plain, sentry_dsn=ingest.dsn, bookstore_release="r1"))
    made.config["PROPAGATE_EXCEPTIONS"] = False
    yield made
    sentry.configure(plain)
    with made.app_context():
        db.engine.dispose()
        redis_handle.client.close()


def fault(**_: Any) -> None:
    """Fail as badly as can be: with everything in the text and in variables."""
    everything = " ".join(SECRETS)
    raise RuntimeError(f"'{everything}'") from ValueError(f'for "{everything}"')


def only(ingest: FakeSentry) -> dict[str, Any]:
    """Return the one event that has arrived."""
    sentry.flush(20)
    [event] = ingest.events
    for planted in SECRETS:
        assert planted.encode() not in ingest.received, planted
    return event


def test_a_fault_in_a_request(told: Flask, ingest: FakeSentry, monkeypatch: Any) -> None:
    rule = next(r for r in told.url_map.iter_rules() if r.rule == "/api/v2/auth/token")
    # As a view that reads what stands in the query string.
    monkeypatch.setattr(fault, "checks_query", True, raising=False)
    monkeypatch.setitem(told.view_functions, rule.endpoint, fault)
    client = Client(told)
    client.http.set_cookie("session", "planted-cookie")
    answer = client.post(
        "/auth/token?ticket=planted-ticket",
        {"username": "Planted Name", "password": "planted-password"},  # pragma: allowlist secret
        Authorization="Bearer planted-bearer",
        X_API_Key="planted-key",
        X_Cart_Token="planted-cart",
    )
    assert answer.status_code == 500
    event = only(ingest)
    assert event["tags"]["request_id"] == answer.headers["X-Request-ID"]
    assert event["transaction"] == "POST /api/v2/auth/token"
    assert (event["release"], event["environment"]) == ("r1", "testing")
    assert [one["type"] for one in event["exception"]["values"]] == ["ValueError", "RuntimeError"]
    frame = event["exception"]["values"][-1]["stacktrace"]["frames"][-1]
    assert (frame["function"], "vars" in frame) == ("fault", False)
    assert {"request", "user", "breadcrumbs", "modules"}.isdisjoint(event)


def test_refusals_are_nothing_to_tell(told: Flask, ingest: FakeSentry) -> None:
    client = Client(told)
    statuses = [
        client.get("/orders").status_code,
        client.get("/nowhere").status_code,
        client.post("/auth/token", {"username": "x", "password": "y"}).status_code,
        client.post("/auth/register", {"username": 1}).status_code,
    ]
    sentry.flush(20)
    assert (statuses, ingest.events) == ([401, 404, 401, 422], [])


def test_what_was_caught_and_logged_as_an_error(told: Flask, ingest: FakeSentry) -> None:
    logging.getLogger("bookstore.gateways.mail").error(
        "SendGrid refuses %s", "planted@example.com", extra={"told": "Planted Name", "status": 401}
    )
    event = only(ingest)
    assert event["logentry"] == {"message": "SendGrid refuses %s"}
    assert (event["logger"], event["extra"]) == ("bookstore.gateways.mail", {"status": 401})


def test_a_fault_in_the_scheduler(told: Flask, ingest: FakeSentry) -> None:
    Scheduler(told, (Recurring("planted", 60, fault),)).tick()
    event = only(ingest)
    assert event["logentry"] == {"message": "recurring job failed"}
    assert event["extra"]["job"] == "planted"
    assert event["tags"]["request_id"].startswith("planted-")


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_fault_in_a_job(apps: Apps, app: Flask, ingest: FakeSentry, database: str) -> None:
    redis = apps.request.getfixturevalue("redis_server").url
    settings = apps.settings(database, redis_url=redis, sentry_dsn=ingest.dsn)
    job = queue.queue(queue.JOBS).enqueue(
        "bookstore.jobs.maintain", *SECRETS, description="bookstore.jobs.maintain"
    )
    with LiveWorker(settings, queue.JOBS) as worker:
        worker.wait_for("job failed job=bookstore")
        assert worker.stop() == 0
        for planted in SECRETS:
            assert planted not in worker.log
    event = only(ingest)
    assert event["exception"]["values"][0]["type"] == "TypeError"
    assert (event["tags"]["request_id"], event["extra"]) == (job.id, {"job": "maintain"})


def test_a_sentry_that_is_away_costs_nothing(told: Flask, ingest: FakeSentry) -> None:
    ingest.faults.extend(["drop", "hang"])
    for _ in range(3):
        logging.getLogger("bookstore").error("a fault")
    assert Client(told).get("/books").status_code == 200


def test_a_fault_that_ends_a_command(ingest: FakeSentry) -> None:
    script = (
        "import sys; from bookstore import sentry; from bookstore.config import Settings; "
        "sentry.configure(Settings(sentry_dsn=sys.argv[1])); int(sys.argv[2])"
    )
    command = [sys.executable, "-c", script, ingest.dsn, "Planted Name"]
    assert subprocess.run(command, capture_output=True).returncode == 1
    event = only(ingest)
    assert event["exception"]["values"][0]["value"].endswith("base 10: '…'")
