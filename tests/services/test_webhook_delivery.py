"""Webhooks as they arrive: signed bytes, retries, what is written down."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from bookstore import clock
from bookstore.gateways import retry_after
from bookstore.gateways.webhook_http import Client
from bookstore.models import WebhookEndpoint
from bookstore.services import vault, webhook_schedule, webhook_signing
from bookstore.unit_of_work import unit_of_work
from tests.clients import wait_until
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


def failing(receiver: Receiver, code: int = 500, **headers: str) -> int:
    """Return a new endpoint that answers so."""
    receiver.modes["/failing"] = modes.status(code, b"no", **headers)
    return hooks.endpoint(f"{receiver.url}/failing")


def test_ten_attempts_spread_over_days_then_failed(app: Flask, receiver: Receiver) -> None:
    endpoint = failing(receiver)
    hooks.ping(endpoint)
    for number in range(1, 11):
        hooks.change(endpoint, failures=0, open_until=None)
        hooks.make_due(endpoint)
        before = clock.now()
        hooks.send()
        [delivery] = hooks.deliveries(endpoint)
        assert (delivery.attempts, delivery.last_error) == (number, "answered 500")
        if number < 10:
            wait = delivery.next_attempt_at - before
            delay = webhook_schedule.DELAYS[number - 1]
            assert delay * 0.8 <= wait <= delay * 1.2 + timedelta(minutes=1)
            assert (delivery.status, delivery.finished_at) == ("pending", None)
    assert delivery.status == "failed"
    assert delivery.finished_at is not None
    log = hooks.attempts(delivery.id)
    assert [(one.status_code, one.response) for one in log] == [(500, "no")] * 10
    assert hooks.counts() == {"retry": 9, "failed": 1}
    # The same bytes and the same id each time, signed anew.
    assert len({got.body for got in receiver.received}) == 1
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1
    hooks.make_due(endpoint)
    hooks.send()
    assert len(receiver.received) == 10


@pytest.mark.parametrize(
    ("code", "header", "least", "most"),
    [
        (503, "120", 120, 180),
        (429, "7200", 7200, 7260),
        (429, "999999999999999999999", 86_400, 86_460),
        (503, "0", 4, 60),
        (503, "soon", 4, 60),
        (503, "-5", 4, 60),
        (500, "7200", 4, 60),
    ],
)
def test_retry_after_is_honoured_up_to_a_day(
    app: Flask, receiver: Receiver, code: int, header: str, least: int, most: int
) -> None:
    endpoint = failing(receiver, code, Retry_After=header)
    hooks.ping(endpoint)
    before = clock.now()
    hooks.send()
    [delivery] = hooks.deliveries(endpoint)
    wait = (delivery.next_attempt_at - before).total_seconds()
    assert least <= wait <= most


def test_retry_after_as_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 1, 1, 12, 0, tzinfo=UTC))
    read = retry_after.seconds
    assert read("Thu, 01 Jan 2026 12:10:00 GMT") == 600
    assert read("Thu, 01 Jan 2026 12:10:00 -0000") == 600
    assert read("Thu, 01 Jan 2026 11:00:00 GMT") == 0
    endless = f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"
    beyond = f"Thu, 01 Jan 2026 12:10:00 +{'9' * 20}"
    dates = ("Thu, 99 Jan 2026 12:10:00 GMT", endless, beyond)
    for nonsense in (None, "", "tomorrow", "1.5", "٣", *dates):
        assert read(nonsense) is None


@pytest.mark.parametrize(
    "mode", [modes.status(302, b"", Location="http://127.0.0.1/"), modes.reset]
)
def test_other_failures_are_told_apart(app: Flask, receiver: Receiver, mode: modes.Mode) -> None:
    receiver.modes["/a"] = mode
    endpoint = hooks.endpoint(f"{receiver.url}/a")
    hooks.ping(endpoint)
    hooks.send()
    [delivery] = hooks.deliveries(endpoint)
    [attempt] = hooks.attempts(delivery.id)
    said = "redirect, which is not followed" if attempt.status_code else "closed without an answer"
    assert said in (delivery.last_error or "")
    assert (attempt.error is None) == (attempt.status_code == 302)


def test_odd_answers_can_be_stored(app: Flask, receiver: Receiver) -> None:
    receiver.mode = modes.status(200, b"\x00\xff" * 2000)
    endpoint = hooks.endpoint(receiver.url)
    hooks.ping(endpoint)
    hooks.send()
    [delivery] = hooks.deliveries(endpoint)
    [attempt] = hooks.attempts(delivery.id)
    assert (delivery.status, attempt.response) == ("succeeded", "\ufffd" * 1024)


def test_both_secrets_sign_while_one_is_replaced(app: Flask, receiver: Receiver) -> None:
    new, old = webhook_signing.new_secret(), webhook_signing.new_secret()
    endpoint = hooks.endpoint(
        receiver.url,
        secret=vault.seal(new),
        previous_secret=vault.seal(old),
        previous_until=clock.now() + timedelta(hours=1),
    )
    hooks.ping(endpoint)
    hooks.send()
    [got] = receiver.received
    (newest, plain), (older, _) = signatures(new, got), signatures(old, got)
    assert got.headers["webhook-signature"] == f"{newest} {older}"
    assert got.headers["x-webhook-signature"] == plain
    hooks.change(endpoint, previous_until=clock.now())
    hooks.ping(endpoint)
    hooks.send()
    assert (
        receiver.received[1].headers["webhook-signature"]
        == signatures(new, receiver.received[1])[0]
    )


def test_a_secret_that_cannot_be_read_is_a_failed_attempt(app: Flask, receiver: Receiver) -> None:
    broken = hooks.endpoint(f"{receiver.url}/a", secret=b"sealed by somebody else")
    well = hooks.endpoint(f"{receiver.url}/b")
    hooks.ping(broken)
    hooks.ping(well)
    hooks.send()
    assert [got.path for got in receiver.received] == ["/b"]
    [delivery] = hooks.deliveries(broken)
    assert (delivery.status, delivery.attempts) == ("pending", 1)
    assert "another SECRET_KEY" in (delivery.last_error or "")


def test_inside_addresses_are_refused_when_sending(app: Flask, receiver: Receiver) -> None:
    endpoint = hooks.endpoint(receiver.url)
    hooks.ping(endpoint)
    with Client(allow_private=False) as guarded:
        hooks.send(guarded)
    [delivery] = hooks.deliveries(endpoint)
    assert "not public" in (delivery.last_error or "")
    assert receiver.connections == 0


def test_an_endpoint_that_is_deleted_meanwhile(app: Flask, receiver: Receiver) -> None:
    receiver.modes["/a"] = modes.hang
    doomed, well = hooks.endpoint(f"{receiver.url}/a"), hooks.endpoint(f"{receiver.url}/b")
    hooks.ping(doomed, 3)
    hooks.ping(well, 3)
    with hooks.sending(app):
        wait_until(lambda: len(receiver.of("/b")) == 3 and len(receiver.of("/a")) == 2)
        with unit_of_work() as session:
            session.delete(session.get_one(WebhookEndpoint, doomed))
        receiver.let_go.set()
    assert [one.status for one in hooks.deliveries(well)] == ["succeeded"] * 3
    assert hooks.logged() == 3
