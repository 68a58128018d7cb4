"""Traces as a collector gets them: from a request through event and delivery to a receiver."""

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from bookstore import traces
from bookstore.app import create_app
from bookstore.extensions import db, redis_handle
from bookstore.gateways import payments, queue
from bookstore.gateways.peer_http import Peer
from bookstore.gateways.webhook_http import Client as WebhookClient
from bookstore.services import draining
from bookstore.services.emails import EmailChannel
from bookstore.services.webhook_delivery import Webhooks
from tests import factories
from tests.clients import ADDRESS, Client, LiveShop, ok, wait_until
from tests.conftest import Apps
from tests.fakes.otlp import FakeCollector
from tests.fakes.receiver import Receiver
from tests.fakes.serving import Answer, FakeServer
from tests.fakes.stripe import FakeStripe
from tests.processes import LiveWorker
from tests.services import hooks

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, CALLERS_SPAN = CALLER.split("-")[1:3]


@pytest.fixture
def collector() -> Iterator[FakeCollector]:
    with FakeCollector() as running:
        yield running


@pytest.fixture
def traced(shop: Flask, collector: FakeCollector) -> Iterator[Flask]:
    """The shop on the same database, with traces."""
    plain = shop.config["SETTINGS"]
    made = create_app(replace(plain, otel_exporter_otlp_endpoint=collector.url))
    yield made
    traces.configure(plain)
    with made.app_context():
        db.engine.dispose()
        redis_handle.client.close()


def order(traced: Flask, **headers: str) -> int:
    """Buy a book as a client would and return the order's id."""
    with traced.app_context():
        client, book = factories.log_in(traced, factories.make_user("anna")), factories.make_book()
        book_id = book.id
    ok(client.post("/cart/items", {"book_id": book_id, "quantity": 1}), 201)
    body = {"shipping_address": ADDRESS, "shipping_method": "standard"}
    return int(ok(client.post("/orders", body, **headers), 201)["id"])


def test_one_trace_from_the_order_to_the_receiver_of_its_webhook(
    traced: Flask, collector: FakeCollector
) -> None:
    with Receiver() as receiver:
        with traced.app_context():
            hooks.endpoint(f"{receiver.url}/hook", pattern="order.*")
        order(traced, traceparent=CALLER)
        with traced.app_context(), WebhookClient(allow_private=True) as client:
            settings = traced.config["SETTINGS"]
            draining.drain([Webhooks(client), EmailChannel(settings)])
        traces.stop()
        [got] = receiver.received
    [request] = collector.named("POST /api/v2/orders")
    assert (request.trace, request.parent, request.kind) == (TRACE, CALLERS_SPAN, "server")
    [delivery] = collector.named("send webhooks")
    assert (delivery.trace, delivery.parent) == (TRACE, request.id)
    assert got.headers["traceparent"] == delivery.traceparent
    [mail] = collector.named("send email")
    assert (mail.trace, mail.parent) == (TRACE, request.id)
    statements = [one for one in collector.spans if one.trace == TRACE and one.kind == "client"]
    assert {one.parent for one in statements} == {request.id}
    assert "INSERT events" in {one.name for one in statements}


def test_other_parts_and_stripe_have_spans(
    traced: Flask, collector: FakeCollector, stripe_server: FakeStripe, monkeypatch: Any
) -> None:
    class Part(FakeServer):
        def answer(self, path: str, headers: Any, body: bytes) -> Answer:
            return 200, {"traceparent": headers["traceparent"]}, {}

    stripe_server.reset()
    changed = replace(traced.config["SETTINGS"], **stripe_server.settings)
    monkeypatch.setitem(traced.config, "SETTINGS", changed)
    with traced.app_context(), Part() as part, traces.span("outer") as outer:
        parent, asking = traces.traceparent(), payments.provider()
        assert asking is not None
        told = Peer("catalog", part.url, "planted-token").get("/internal/books", {"ids": "1"})
        asking.create_customer(email="anna@x.example", name="anna", user_id=1, key="k")
        assert outer is not traces.NOTHING
    traces.stop()
    [asked], [paid] = collector.named("ask catalog"), collector.named("stripe POST v1/customers")
    # The last two digits also say that the trace's id is random (W3C, level 2).
    assert told["traceparent"][:-2] == asked.traceparent[:-2]
    assert {asked.parent, paid.parent} == {str(parent).split("-")[2]}
    assert paid.attributes["http.response.status_code"] == 200
    assert not re.search(b"planted|anna", collector.received)


def test_no_span_has_what_belongs_to_a_person(traced: Flask, collector: FakeCollector) -> None:
    order(traced)
    client = Client(traced)
    client.get("/books/suggest?q=secret-search", User_Agent="secret-browser")
    client.get("/secret-path?token=secret-token", X_API_Key="secret-key")
    client.get("/healthz")
    client.get("/metrics")
    client.call("SECRET", "/books")
    traces.stop()
    names = {one.name for one in collector.spans}
    assert {"GET /api/v2/books/suggest", "GET", "HTTP"} <= names
    assert not [name for name in names if "healthz" in name or "metrics" in name]
    for planted in (b"secret", b"SECRET", b"anna", b"High Street", b"Ann Reader", b"127.0.0.1"):
        assert planted not in collector.received, planted
    assert not any(one.events for one in collector.spans), "texts of exceptions quote"
    statement = next(one for one in collector.named("INSERT orders"))
    assert statement.attributes["db.query.text"].startswith("INSERT INTO orders (")
    assert statement.attributes["db.system.name"] in {"sqlite", "postgresql"}


def test_a_fault_is_marked_and_not_told(
    traced: Flask, collector: FakeCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("secret text")

    monkeypatch.setitem(traced.config, "PROPAGATE_EXCEPTIONS", False)
    rule = next(r for r in traced.url_map.iter_rules() if r.rule == "/problems/<code>")
    monkeypatch.setitem(traced.view_functions, rule.endpoint, lambda code: fail())
    answer = Client(traced).get("/problems/x")
    traces.stop()
    [request] = collector.named("GET /problems/<code>")
    assert (answer.status_code, request.failed) == (500, True)
    assert request.attributes["error.type"] == "500"
    assert request.attributes["bookstore.request_id"] == answer.headers["X-Request-ID"]
    assert b"secret" not in collector.received


def test_who_is_not_sampled_stays_so_to_the_end(traced: Flask, collector: FakeCollector) -> None:
    with Receiver() as receiver:
        with traced.app_context():
            hooks.endpoint(f"{receiver.url}/hook", pattern="order.*")
        order(traced, traceparent=CALLER[:-2] + "00")
        with traced.app_context(), WebhookClient(allow_private=True) as client:
            draining.drain([Webhooks(client)])
        traces.stop()
        [got] = receiver.received
    assert not [one for one in collector.spans if one.trace == TRACE]
    assert got.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert got.headers["traceparent"].endswith("-00")


def test_a_collector_that_is_away_is_said_once_and_costs_spans_alone(
    traced: Flask, collector: FakeCollector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.faults.extend([(400, "no", {})] * 2)
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            assert Client(traced).get("/books").status_code == 200
            traces.flush()
    said = [r.getMessage() for r in caplog.records if r.name.startswith(("bookstore.tr", "opent"))]
    assert [text.partition(";")[0] for text in said] == [
        "the collector of traces does not take them",
        "the collector of traces is back",
    ]
    assert len(collector.named("GET /api/v2/books")) == 1


def test_without_an_endpoint_nothing_is_imported(tmp_path: Path) -> None:
    # redis-py imports OpenTelemetry's metrics by itself, wherever it finds them.
    script = (
        "import sys; from bookstore import create_app, traces; create_app(); "
        "assert traces.span('x') is traces.NOTHING and traces.headers() == {}; "
        "print([n for n in sys.modules if n.startswith(('opentelemetry.sdk.trace', 'sentry_sdk', "
        "'opentelemetry.exporter', 'google.protobuf', 'bookstore.traces.'))])"
    )
    environ = {**os.environ, "BOOKSTORE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environ
    )
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


@pytest.mark.parametrize("database", ["sqlite"])
def test_processes_send_what_they_have_when_they_are_told_to_stop(
    apps: Apps, shop: Flask, collector: FakeCollector, database: str
) -> None:
    settings = apps.settings(
        database,
        web_workers=1,
        redis_url=apps.request.getfixturevalue("redis_server").url,
        otel_exporter_otlp_endpoint=collector.url,
    )
    with LiveShop(settings) as running, LiveWorker(settings, "jobs") as worker:
        for _ in range(3):
            assert running.call("GET", "/books").status_code == 200
        with shop.app_context():
            assert queue.enqueue("bookstore.jobs.maintain")
        worker.wait_for("job done")
        assert (running.stop(), worker.stop()) == (0, 0)
    wait_until(lambda: len(collector.named("job maintain")) == 1)
    assert len(collector.named("GET /api/v2/books")) == 3
    [job] = collector.named("job maintain")
    assert (job.parent, job.kind) == ("", "consumer")
    assert any(
        one.parent == job.id and "db.query.text" in one.attributes for one in collector.spans
    )
