"""The stand-in's events: signed, one a change, sent until the shop has taken them."""

import json
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bookstore import clock
from bookstore.config import Settings
from bookstore.gateways import stripe_twin
from bookstore.gateways.payments import BadEvent
from tests.clients import at_once, wait_until
from tests.fakes.receiver import Receiver, hang, reset, status
from tests.services.twins import NOWHERE, new_intent, rows, secret_of, twin, twin_settings

PATH = "/api/v2/payments/stripe/events"
GOOD = "4242424242424242"


def with_receiver(settings: Settings, receiver: Receiver) -> Settings:
    return replace(settings, port=receiver.server.server_port)


def later(monkeypatch: pytest.MonkeyPatch, **delta: float) -> None:
    then = clock.now() + timedelta(**delta)
    monkeypatch.setattr(clock, "now", lambda: then)


def settled() -> None:
    """Return when no thread delivers in the background any more."""
    wait_until(lambda: all(thread.name != "test-payments" for thread in threading.enumerate()))


def waiting(settings: Settings) -> int:
    return int(rows(settings, "SELECT count(*) FROM events WHERE due IS NOT NULL")[0][0])


def test_they_come_at_once_and_signed(tmp_path: Path) -> None:
    with Receiver() as receiver:
        settings = with_receiver(twin_settings(tmp_path), receiver)
        shop = twin(settings)
        intent = new_intent(shop, order_id="7")
        stripe_twin.confirm(settings, secret_of(intent), GOOD)
        wait_until(lambda: waiting(settings) == 0)
        received = receiver.of(PATH)
    events = {}
    for one in received:
        event = shop.read_event(one.body, one.headers["stripe-signature"])
        events[event.type] = event
        with pytest.raises(BadEvent):
            shop.read_event(one.body + b" ", one.headers["stripe-signature"])
    assert set(events) == {"payment_intent.created", "payment_intent.succeeded"}
    paid = events["payment_intent.succeeded"].object
    assert (paid["id"], paid["status"], paid["amount_received"]) == (intent.id, "succeeded", 1999)
    assert paid["metadata"] == {"order_id": "7"}
    assert len({json.loads(one.body)["id"] for one in received}) == len(received) == 2


def test_they_wait_for_a_shop_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = twin_settings(tmp_path)
    intent = new_intent(twin(settings))
    stripe_twin.confirm(settings, secret_of(intent), GOOD)
    settled()
    with Receiver() as receiver:
        back = with_receiver(settings, receiver)
        receiver.modes[PATH] = status(503)
        later(monkeypatch, minutes=1)
        assert stripe_twin.deliver_due(back) == 0
        assert len(receiver.of(PATH)) == 2
        # Not at once again.
        assert stripe_twin.deliver_due(back) == 0
        assert len(receiver.of(PATH)) == 2
        receiver.modes[PATH] = status(200)
        later(monkeypatch, minutes=10)
        assert stripe_twin.deliver_due(back) == 2
        assert stripe_twin.deliver_due(back) == 0
        ids = [json.loads(one.body)["id"] for one in receiver.of(PATH)]
        bodies = {one.body for one in receiver.of(PATH)}
    # The same events, byte for byte, in the order in which they happened.
    assert ids[:2] == ids[2:]
    assert len(bodies) == 2
    assert waiting(settings) == 0


def test_the_rest_waits_when_there_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = twin_settings(tmp_path)
    shop = twin(settings)
    for number in range(3):
        new_intent(shop, key=f"pay{number}")
    settled()
    with Receiver() as receiver:
        receiver.modes[PATH] = reset
        back = with_receiver(settings, receiver)
        later(monkeypatch, minutes=1)
        assert stripe_twin.deliver_due(back) == 0
        assert len(receiver.of(PATH)) == 1
        receiver.modes[PATH] = status(200)
        # The two that were not sent are free for anybody at once.
        assert stripe_twin.deliver_due(back) == 2


def test_two_do_not_send_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = twin_settings(tmp_path)
    new_intent(twin(settings))
    settled()
    later(monkeypatch, minutes=1)
    with Receiver() as receiver:
        receiver.modes[PATH] = hang
        back = with_receiver(settings, receiver)

        def second() -> int:
            wait_until(lambda: len(receiver.of(PATH)) == 1)
            sent = stripe_twin.deliver_due(back)
            receiver.let_go.set()
            return sent

        assert at_once([lambda: stripe_twin.deliver_due(back), second]) == [1, 0]
        assert len(receiver.of(PATH)) == 1


def test_after_days_it_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = twin_settings(tmp_path)
    new_intent(twin(settings))
    settled()
    later(monkeypatch, days=4)
    assert stripe_twin.deliver_due(settings) == 0
    assert rows(settings, "SELECT due, delivered FROM events") == [(None, None)]


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    settings = twin_settings(tmp_path, NOWHERE)
    assert stripe_twin.deliver_due(settings) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_broken_harms_nobody(tmp_path: Path) -> None:
    settings = twin_settings(tmp_path)
    (tmp_path / "stripe.sqlite3").write_bytes(b"no database" * 1000)
    assert stripe_twin.deliver_due(settings) == 0
