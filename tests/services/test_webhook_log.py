"""Deliveries as staff looks for them, and what was sent, byte for byte."""

from datetime import timedelta

import pytest
from flask import Flask

from bookstore import clock, errors
from bookstore.services import vault, webhook_log, webhook_requests, webhook_signing
from bookstore.services.actors import GUEST, SYSTEM
from bookstore.services.paging import PageRequest
from tests import paying
from tests.fakes.receiver import Receiver
from tests.services import hooks


def test_they_are_found(app: Flask) -> None:
    endpoint = hooks.endpoint("https://9.9.9.9/hooks")
    first, second = paying.place(), paying.place()
    everything = webhook_log.list_deliveries(SYSTEM, endpoint, PageRequest(100)).data
    one = everything[0]
    now = clock.now()

    def found(**which: object) -> list[int]:
        page = webhook_log.list_deliveries(SYSTEM, endpoint, PageRequest(100), **which)  # type: ignore[arg-type]
        return [delivery.id for delivery in page.data]

    assert found(event_id=one.event.public_id) == [one.id]
    mine = {row.id for row in everything if row.event.type.startswith("order.")}
    by_order = [set(found(order_number=order.number.lower())) for order in (first, second)]
    assert by_order[0] | by_order[1] == mine
    assert not by_order[0] & by_order[1]
    assert found(order_number="B-0") == found(event_id="evt_0") == found(status="failed") == []
    assert found(since=now - timedelta(hours=1)) == [row.id for row in everything]
    assert found(since=now + timedelta(hours=1)) == found(until=now - timedelta(hours=1)) == []
    hooks.change(endpoint, is_active=False)
    assert len(found(status="held")) == len(everything)


def test_what_was_sent_is_shown_as_it_arrived(app: Flask) -> None:
    secret = webhook_signing.new_secret()
    with Receiver() as receiver:
        endpoint = hooks.endpoint(f"{receiver.url}/a", secret=vault.seal(secret))
        hooks.ping(endpoint)
        [delivery] = hooks.deliveries(endpoint)
        before = webhook_requests.get(SYSTEM, delivery.id)
        hooks.send()
        [got] = receiver.received
    sent = webhook_requests.get(SYSTEM, delivery.id)
    assert sent.body == before.body == got.body
    assert sent.url == f"{receiver.url}/a"
    for name, value in sent.headers.items():
        assert got.headers[name.lower()] == value
    assert {"webhook-signature", "webhook-timestamp", "Content-Type"} <= sent.headers.keys()
    assert secret not in str(sent)
    hooks.change(endpoint, secret=b"not ours")
    assert sent.headers.keys() - webhook_requests.get(SYSTEM, delivery.id).headers.keys()
    with pytest.raises(errors.NotFound):
        webhook_requests.get(SYSTEM, delivery.id + 1)
    with pytest.raises(errors.Forbidden):
        webhook_requests.get(GUEST, delivery.id)
