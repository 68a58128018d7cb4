"""Traces as a collector gets them: from a request through event and delivery to a receiver."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from bookstore import traces
from bookstore.app import create_app
from bookstore.extensions import db, redis_handle
from bookstore.gateways.webhook_http import Client as WebhookClient
from bookstore.services import draining
from bookstore.services.emails import EmailChannel
from bookstore.services.webhook_delivery import Webhooks
from tests import factories
from tests.clients import ADDRESS, ok
from tests.fakes.otlp import FakeCollector
from tests.fakes.receiver import Receiver
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
