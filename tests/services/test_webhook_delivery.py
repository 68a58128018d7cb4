"""Webhooks as they arrive: signed bytes, retries, what is written down."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from bookstore import clock
from bookstore.services import vault, webhook_schedule, webhook_signing
from tests.fakes import receiver as modes
from tests.fakes.receiver import Received, Receiver
from tests.services import hooks


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def signatures(secret: str, got: Received) -> tuple[str, str]:
    """What a receiver works out, by Standard Webhooks and by the plain way."""
    content = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    standard = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return f"v1,{standard}", hmac.new(secret.encode(), got.body, hashlib.sha256).hexdigest()


def test_a_delivery_arrives_signed_and_is_written_down(app: Flask, receiver: Receiver) -> None:
    secret = webhook_signing.new_secret()
    endpoint = hooks.endpoint(f"{receiver.url}/a", secret=vault.seal(secret))
    hooks.ping(endpoint)
    hooks.send()
    [got] = receiver.received
    body = json.loads(got.body)
    assert (body["type"], body["data"]) == ("ping", {"endpoint_id": endpoint})
    assert got.headers["webhook-id"] == body["id"]
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == "bookstore-webhooks/1"
    assert got.headers["x-webhook-event"] == "ping"
    standard, plain = signatures(secret, got)
    assert got.headers["webhook-signature"] == standard
    assert got.headers["x-webhook-signature"] == plain
    [delivery] = hooks.deliveries(endpoint)
    assert (delivery.status, delivery.attempts, delivery.lease_owner) == ("succeeded", 1, None)
    assert delivery.finished_at is not None
    [attempt] = hooks.attempts(delivery.id)
    assert (attempt.status_code, attempt.error, attempt.response) == (200, None, "thanks")
    assert int(got.headers["webhook-timestamp"]) == int(attempt.at.timestamp())
    assert hooks.counts() == {"succeeded": 1}
    assert hooks.get(endpoint).drained_by is None
