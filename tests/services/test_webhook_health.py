"""Endpoints that fail: the breaker, the warnings, the end, and what is held meanwhile."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import Email, Event
from bookstore.services import outgoing_upkeep
from tests.factories import make_user
from tests.fakes import receiver as modes
from tests.fakes.receiver import Receiver
from tests.services import hooks


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def mails(user_id: int) -> list[tuple[str, int | None]]:
    """Return (template, hours) of the mails of a user."""
    rows = db.session.scalars(select(Email).filter_by(user_id=user_id).order_by(Email.id))
    return [(row.template, row.data.get("hours")) for row in rows]


def disabled_events() -> list[dict[str, object]]:
    rows = db.session.scalars(select(Event.body).filter_by(type="webhook.endpoint_disabled"))
    return [json.loads(body)["data"] for body in rows]


def test_ten_failures_in_a_row_open_the_breaker(app: Flask, receiver: Receiver) -> None:
    receiver.mode = modes.status(500)
    endpoint = hooks.endpoint(receiver.url)
    hooks.ping(endpoint, 30)
    before = clock.now()
    hooks.send()
    row = hooks.get(endpoint)
    assert row.failures == 10
    assert row.open_until is not None
    opened_for = (row.open_until - before).total_seconds()
    assert 60 <= opened_for <= 120
    assert len(receiver.received) == 10
    waiting = hooks.deliveries(endpoint)
    assert sum(one.attempts for one in waiting) == 10
    assert {one.lease_owner for one in waiting} == {None}

    # Waiting uses up no attempts, and nothing is due that could be sent.
    hooks.send()
    assert len(receiver.received) == 10
    assert not outgoing_upkeep.is_due(clock.now())

    # One to try; twice as long when it fails.
    for number in range(1, 8):
        hooks.change(endpoint, open_until=clock.now())
        before = clock.now()
        hooks.send()
        assert len(receiver.received) == 10 + number
        row = hooks.get(endpoint)
        assert row.open_until is not None
        least = min(60 * 2**number, 3600)
        assert least <= (row.open_until - before).total_seconds() <= least + 60

    # The first success closes it.
    receiver.mode = modes.status(200)
    hooks.change(endpoint, open_until=clock.now())
    hooks.send()
    row = hooks.get(endpoint)
    assert (row.failures, row.openings, row.open_until, row.failing_since) == (0, 0, None, None)
    hooks.make_due(endpoint)
    hooks.send()
    assert {one.status for one in hooks.deliveries(endpoint)} == {"succeeded"}


def test_no_second_probe_while_one_is_under_way(app: Flask, receiver: Receiver) -> None:
    receiver.mode = modes.hang
    endpoint = hooks.endpoint(
        receiver.url, failures=10, openings=1, open_until=clock.now(), failing_since=clock.now()
    )
    hooks.ping(endpoint, 5)
    with hooks.sending(app):
        hooks.arrived(receiver, 1)
        # Others look as well: the endpoint is taken, and if it were not, its one probe is.
        hooks.send()
        hooks.change(endpoint, drained_by=None)
        hooks.send()
        assert len(receiver.received) == 1
        receiver.let_go.set()
    assert {one.status for one in hooks.deliveries(endpoint)} == {"succeeded"}


def test_gone_disables_and_the_rest_is_held(app: Flask, receiver: Receiver) -> None:
    owner = make_user()
    receiver.modes["/gone"] = modes.status(410)
    endpoint = hooks.endpoint(f"{receiver.url}/gone", owner, pattern="ping")
    hooks.ping(endpoint, 20)
    hooks.send()
    row = hooks.get(endpoint)
    assert (row.is_active, row.disabled_reason) == (False, "gone")
    assert row.disabled_at is not None
    assert len(receiver.received) <= 2  # as many as were in flight when the first said so
    [data] = disabled_events()
    assert (data["endpoint_id"], data["url"], data["reason"]) == (endpoint, row.url, "gone")
    assert mails(owner.id) == [("endpoint_disabled", None)]
    sent = len(receiver.received)
    held = hooks.deliveries(endpoint)
    assert {one.status for one in held} == {"pending"}
    assert sum(one.attempts for one in held) == sent
    hooks.make_due(endpoint)
    hooks.send()
    assert len(receiver.received) == sent

    receiver.modes.clear()
    hooks.change(endpoint, is_active=True, failures=0, failing_since=None, open_until=None)
    hooks.send()
    assert {one.status for one in hooks.deliveries(endpoint)} == {"succeeded"}


def test_the_owner_is_told_before_an_endpoint_is_disabled(app: Flask, receiver: Receiver) -> None:
    owner = make_user()
    receiver.mode = modes.status(500)
    endpoint = hooks.endpoint(receiver.url, owner, pattern="ping")
    hooks.ping(endpoint, 12)

    def fail_after(hours: float) -> None:
        since = clock.now() - timedelta(hours=hours)
        hooks.change(endpoint, failing_since=since, open_until=None)
        hooks.make_due(endpoint)
        hooks.send()

    for hours, told in ((1, []), (23.9, []), (24.1, [24]), (71, [24]), (72.1, [24, 72])):
        fail_after(hours)
        assert mails(owner.id) == [("endpoint_failing", one) for one in told]
        assert hooks.get(endpoint).is_active
    # Five days, but not often enough: somebody who gets an event a week is not failing yet.
    hooks.change(endpoint, failures=0)
    with_few = hooks.get(endpoint)
    with_few_since = clock.now() - timedelta(days=6)
    hooks.change(endpoint, failing_since=with_few_since)
    outgoing_upkeep.watch_endpoints()
    assert hooks.get(endpoint).is_active
    assert with_few.warnings == 2

    hooks.change(endpoint, failures=10)
    outgoing_upkeep.watch_endpoints()
    outgoing_upkeep.watch_endpoints()
    row = hooks.get(endpoint)
    assert (row.is_active, row.disabled_reason) == (False, "failing")
    [data] = disabled_events()
    assert data["failing_since"] == with_few_since.isoformat().replace("+00:00", "Z")
    assert mails(owner.id)[2:] == [("endpoint_disabled", None)]


def test_a_silent_endpoint_is_watched_too(app: Flask) -> None:
    """Its breaker is open, or nothing happens: no attempt asks how long it has been failing."""
    owner = make_user()
    since = clock.now() - timedelta(hours=80)
    endpoint = hooks.endpoint("http://127.0.0.1:9/", owner, failures=3, failing_since=since)
    outgoing_upkeep.watch_endpoints()
    outgoing_upkeep.watch_endpoints()
    assert mails(owner.id) == [("endpoint_failing", 72)]
    nobody = hooks.endpoint("http://127.0.0.1:9/", None, failures=10, failing_since=since)
    hooks.change(nobody, failing_since=clock.now() - timedelta(days=5))
    outgoing_upkeep.watch_endpoints()
    assert not hooks.get(nobody).is_active
    assert hooks.get(endpoint).is_active
