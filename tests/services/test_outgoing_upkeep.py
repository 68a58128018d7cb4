"""Sweeping, mending after the clock was moved, and throwing away."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.models import Email, Event, WebhookAttempt, WebhookDelivery
from bookstore.services import outgoing_upkeep
from bookstore.services.outgoing import LEASE
from bookstore.unit_of_work import unit_of_work
from tests.clients import statements
from tests.factories import make_user
from tests.services import hooks

URL = "http://127.0.0.1:9/"


def drop_wake_ups() -> None:
    queue.queue(queue.OUTGOING).empty()
    queue.woken()


def sweep() -> bool:
    """Sweep with an empty queue; return whether a worker was woken."""
    drop_wake_ups()
    found = outgoing_upkeep.sweep()
    assert queue.depths()[queue.OUTGOING] == found
    return found


def test_a_sweep_wakes_for_what_can_be_sent_now(app: Flask) -> None:
    assert not sweep()
    endpoint = hooks.endpoint(URL)
    assert not sweep()
    hooks.ping(endpoint)
    assert sweep()
    # Woken twice is woken once.
    assert outgoing_upkeep.sweep()
    assert queue.depths()[queue.OUTGOING] == 1
    later = clock.now() + timedelta(hours=1)
    for waits in ({"is_active": False}, {"open_until": later}):
        hooks.change(endpoint, **waits)
        assert not sweep()
        hooks.change(endpoint, is_active=True, open_until=None)
        assert sweep()
    hooks.make_due(endpoint, later)
    assert not sweep()


def test_a_sweep_sees_mail(app: Flask) -> None:
    user = make_user()
    with unit_of_work() as session:
        session.add(Email(user_id=user.id, template="endpoint_failing", data={}))
    assert sweep()


def test_what_a_moved_clock_left_waiting_is_let_go(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was a day ahead when these were written, then was put right."""
    monkeypatch.setattr(outgoing_upkeep, "_STRETCH", 1)
    now, tomorrow = clock.now(), clock.now() + timedelta(days=1)
    endpoint = hooks.endpoint(
        URL, drained_by="x", drained_until=tomorrow, open_until=tomorrow, failing_since=tomorrow
    )
    hooks.ping(endpoint, 3)
    new, leased, waiting = hooks.deliveries(endpoint)

    def write(row: WebhookDelivery, **columns: object) -> None:
        with unit_of_work() as session:
            session.execute(update(WebhookDelivery).filter_by(id=row.id).values(**columns))

    write(new, next_attempt_at=tomorrow, touched_at=tomorrow)
    write(leased, next_attempt_at=tomorrow + LEASE, lease_owner="x", touched_at=now)
    in_two_hours = now + timedelta(hours=2)
    write(waiting, next_attempt_at=in_two_hours, touched_at=now)
    assert not sweep()
    outgoing_upkeep.sweep(clock_jumped=True)
    new, leased, waiting = hooks.deliveries(endpoint)
    for row in (new, leased):
        assert row.next_attempt_at <= clock.now()
        assert row.lease_owner is None
    assert waiting.next_attempt_at == in_two_hours
    mended = hooks.get(endpoint)
    assert mended.drained_by is None
    assert mended.open_until is not None
    assert mended.failing_since is not None
    assert max(mended.open_until, mended.failing_since) <= clock.now()
    assert sweep()


def test_what_is_on_its_way_is_left_alone(app: Flask) -> None:
    """A worker leased it while the sweep waited for the database: a moment in its future."""
    in_a_moment = clock.now() + timedelta(seconds=5)
    endpoint = hooks.endpoint(URL, drained_by="x", drained_until=in_a_moment + LEASE)
    hooks.ping(endpoint, 1)
    with unit_of_work() as session:
        lease = {"next_attempt_at": in_a_moment + LEASE, "lease_owner": "x"}
        session.execute(update(WebhookDelivery).values(touched_at=in_a_moment, **lease))
    outgoing_upkeep.sweep(clock_jumped=True)
    [row] = hooks.deliveries(endpoint)
    assert (row.lease_owner, row.next_attempt_at) == ("x", in_a_moment + LEASE)
    assert hooks.get(endpoint).drained_by == "x"


def test_deliveries_are_held_for_thirty_days(app: Flask) -> None:
    disabled = hooks.endpoint(URL, is_active=False, disabled_at=clock.now())
    active = hooks.endpoint(URL)
    for endpoint in (disabled, active):
        hooks.ping(endpoint, 2)
        made(hooks.deliveries(endpoint)[0], clock.now() - timedelta(days=31))
    assert outgoing_upkeep.expire_held() == 1
    assert outgoing_upkeep.expire_held() == 0
    old, young = hooks.deliveries(disabled)
    assert (old.status, old.last_error, old.attempts) == ("failed", "held for 30 days", 0)
    assert young.status == "pending"
    assert {row.status for row in hooks.deliveries(active)} == {"pending"}
    assert hooks.counts() == {"failed": 1}


def test_events_that_stay_are_looked_at_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest of each thing stays for good: they must not be in the way of the others."""
    monkeypatch.setattr(outgoing_upkeep, "_BATCH", 2)
    things = [hooks.endpoint(URL) for _ in range(5)]
    for thing in things:
        hooks.ping(thing)
    hooks.ping(things[-1])
    with unit_of_work() as session:
        session.execute(update(WebhookDelivery).values(status="succeeded"))
        # All at one moment, as those of a batch are.
        session.execute(update(Event).values(created_at=clock.now() - timedelta(days=91)))
    with statements(app) as found:
        assert outgoing_upkeep.forget_events() == 1
    # The newest; three twos, each looked at and deleted from, and nothing behind them.
    assert len(found) == 9
    assert [len(hooks.deliveries(thing)) for thing in things] == [1] * 5
    assert db.session.scalars(select(Event.sequence).order_by(Event.id)).all() == [1, 1, 1, 1, 2]


def made(row: WebhookDelivery, at: datetime) -> None:
    """Let a delivery be as old as this."""
    with unit_of_work() as session:
        session.execute(update(WebhookDelivery).filter_by(id=row.id).values(created_at=at))


def test_old_events_are_forgotten_with_all_that_hangs_on_them(app: Flask) -> None:
    endpoint = hooks.endpoint(URL)
    hooks.ping(endpoint, 4)
    over, waiting, young, mailed = hooks.deliveries(endpoint)
    user = make_user()
    with unit_of_work() as session:
        for row in (over, young, mailed):
            session.execute(update(WebhookDelivery).filter_by(id=row.id).values(status="succeeded"))
        session.add(WebhookAttempt(delivery_id=over.id, at=clock.now(), duration_ms=1))
        session.add(Email(user_id=user.id, template="order_shipped", event_id=mailed.event_id))
        session.execute(
            update(Event)
            .where(Event.id != young.event_id)
            .values(created_at=clock.now() - timedelta(days=91))
        )
    assert outgoing_upkeep.forget_events() == 1
    left = {row.id for row in hooks.deliveries(endpoint)}
    assert left == {waiting.id, young.id, mailed.id}
    assert db.session.scalar(select(func.count()).select_from(WebhookAttempt)) == 0
    assert outgoing_upkeep.forget_events() == 0
