"""Endpoints that fail: the breaker, the warnings, the end, and what is held meanwhile."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import Email, Event, User, WebhookDelivery
from bookstore.services import outgoing_upkeep, webhooks
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_user
from tests.fakes import receiver as modes
from tests.fakes.receiver import Receiver
from tests.services import hooks

SECRET_URL = "https://us:pw@hooks.example:8443/T0/B1?key=k"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def mails(user_id: int) -> list[tuple[str, int | None]]:
    """Return (template, hours) of the mails of a user."""
    rows = db.session.scalars(select(Email).filter_by(user_id=user_id).order_by(Email.id))
    return [(row.template, row.data.get("hours")) for row in rows]


def disabled_events() -> list[dict[str, object]]:
    wanted = select(Event.body).filter_by(type="webhook.endpoint_disabled").order_by(Event.id)
    return [json.loads(body)["data"] for body in db.session.scalars(wanted)]


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
    owner = make_user(is_staff=True)
    receiver.modes["/gone"] = modes.status(410)
    endpoint = hooks.endpoint(f"{receiver.url}/gone", owner, pattern="ping")
    hooks.ping(endpoint, 20)
    hooks.send()
    row = hooks.get(endpoint)
    assert (row.is_active, row.disabled_reason) == (False, "gone")
    assert row.disabled_at is not None
    assert len(receiver.received) <= 2  # as many as were in flight when the first said so
    [data] = disabled_events()
    assert (data["endpoint_id"], data["url"], data["reason"]) == (endpoint, receiver.url, "gone")
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
    owner = make_user(is_staff=True)
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
    owner = make_user(is_staff=True)
    since = clock.now() - timedelta(hours=80)
    endpoint = hooks.endpoint("http://127.0.0.1:9/", owner, failures=3, failing_since=since)
    outgoing_upkeep.watch_endpoints()
    outgoing_upkeep.watch_endpoints()
    assert mails(owner.id) == [("endpoint_failing", 72)]
    assert hooks.get(endpoint).is_active


def leave(user: User, **changes: bool) -> None:
    with unit_of_work() as session:
        session.execute(update(User).filter_by(id=user.id).values(**changes))


@pytest.mark.parametrize("left", [None, {"is_active": False}, {"is_staff": False}])
def test_when_its_owner_has_left_all_staff_are_told(
    app: Flask, left: dict[str, bool] | None
) -> None:
    since = clock.now() - timedelta(hours=80)
    owner, gone = make_user(is_staff=True), make_user(is_staff=True)
    here = [make_user(is_staff=True) for _ in range(2)]
    reader = make_user()
    leave(gone, is_active=False)
    if left:
        leave(owner, **left)
    endpoint = hooks.endpoint(SECRET_URL, owner if left else None, failures=10, failing_since=since)
    outgoing_upkeep.watch_endpoints()
    hooks.change(endpoint, failing_since=clock.now() - timedelta(days=5))
    outgoing_upkeep.watch_endpoints()
    assert not hooks.get(endpoint).is_active
    told = here if left else [owner, *here]
    for user in told:
        assert mails(user.id) == [("endpoint_failing", 72), ("endpoint_disabled", None)]
    assert [row.data["url"] for row in db.session.scalars(select(Email))] == [SECRET_URL] * (
        2 * len(told)
    )
    assert mails(gone.id) == mails(reader.id) == []


def test_subscribers_are_not_told_of_the_receivers_secrets(app: Flask) -> None:
    """Path, query and credentials of a URL may be what the receiver knows us by."""
    since = clock.now() - timedelta(days=6)
    for url in (SECRET_URL, "http://[2001:db8::1]/T0/B1"):
        hooks.endpoint(url, failures=10, failing_since=since)
    outgoing_upkeep.watch_endpoints()
    told = [data["url"] for data in disabled_events()]
    assert told == ["https://hooks.example:8443", "http://[2001:db8::1]"]


def test_enabling_makes_all_due_some_at_a_time(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_BATCH", 2)
    endpoint, other = (hooks.endpoint("https://9.9.9.9/", is_active=False) for _ in range(2))
    later = clock.now() + timedelta(hours=20)
    for one in (endpoint, other):
        hooks.ping(one, 7)
        hooks.make_due(one, later)
    over, leased, *_waiting = hooks.deliveries(endpoint)
    with unit_of_work() as session:
        for row, changes in ((over, {"status": "succeeded"}), (leased, {"lease_owner": "x"})):
            session.execute(update(WebhookDelivery).filter_by(id=row.id).values(**changes))
    webhooks.change(SYSTEM, endpoint, {"is_active": True})
    assert all(row.next_attempt_at <= clock.now() for row in hooks.deliveries(endpoint)[2:])
    assert {row.next_attempt_at for row in hooks.deliveries(endpoint)[:2]} == {later}
    assert {row.next_attempt_at for row in hooks.deliveries(other)} == {later}
