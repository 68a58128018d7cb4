"""The drain loop: fair, in company, told to stop, without a database."""

import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import FrameType

import psycopg
import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import clock
from bookstore.extensions import RedisHandle, db
from bookstore.gateways import queue
from bookstore.gateways.webhook_http import Client
from bookstore.models import WebhookDelivery
from bookstore.services import channels, draining, outgoing
from bookstore.services.outgoing import LEASE
from bookstore.unit_of_work import unit_of_work
from tests.clients import wait_until
from tests.fakes import receiver as modes
from tests.fakes.receiver import Receiver
from tests.services import hooks


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def nobody_was_stopped() -> Iterator[None]:
    yield
    outgoing.stopping.clear()


def statuses(endpoint_id: int) -> Counter[str]:
    return Counter(row.status for row in hooks.deliveries(endpoint_id))


def test_an_endpoint_that_hangs_delays_nobody(app: Flask, receiver: Receiver) -> None:
    receiver.modes["/slow"] = modes.hang
    slow = [hooks.endpoint(f"{receiver.url}/slow") for _ in range(3)]
    quick = hooks.endpoint(f"{receiver.url}/quick")
    for endpoint in slow:
        hooks.ping(endpoint, 30)
    hooks.ping(quick, 60)
    with hooks.sending(app) as drained:
        wait_until(lambda: len(receiver.of("/quick")) == 60)
        # What is recorded while others hang is sent by the same drain.
        for number in range(1, 4):
            hooks.ping(quick)
            wait_until(lambda number=number: len(receiver.of("/quick")) == 60 + number)
        assert not drained.done()
        assert receiver.most_open["/slow"] == 6  # two each, and nothing more
        wait_until(lambda: statuses(quick) == {"succeeded": 63})
        receiver.let_go.set()
    assert sum((statuses(endpoint) for endpoint in slow), Counter()) == {"succeeded": 90}
    assert receiver.most_open["/slow"] <= 30
    assert receiver.most_open["/quick"] <= 10


def test_workers_at_once_send_each_delivery_once(app: Flask, receiver: Receiver) -> None:
    endpoints = [hooks.endpoint(f"{receiver.url}/{number}") for number in range(4)]
    for endpoint in endpoints:
        hooks.ping(endpoint, 50)
    db.session.remove()

    def work(_: int) -> None:
        with app.app_context():
            hooks.send()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    got = Counter(one.headers["webhook-id"] for one in receiver.received)
    assert len(got) == 200
    assert set(got.values()) == {1}
    assert max(receiver.most_open.values()) <= 10
    for endpoint in endpoints:
        assert statuses(endpoint) == {"succeeded": 50}
        assert hooks.get(endpoint).drained_by is None
    assert hooks.counts() == {"succeeded": 200}


def test_an_endpoint_of_another_live_worker_is_left_alone(app: Flask, receiver: Receiver) -> None:
    other = {"drained_by": "another", "drained_until": clock.now() + LEASE}
    endpoint = hooks.endpoint(receiver.url, **other)
    hooks.ping(endpoint, 3)
    hooks.send()
    assert receiver.received == []
    hooks.change(endpoint, drained_until=clock.now())
    hooks.send()
    assert len(receiver.received) == 3


def test_what_a_dead_worker_had_leased_is_sent_when_that_has_run_out(
    app: Flask, receiver: Receiver
) -> None:
    endpoint = hooks.endpoint(receiver.url)
    hooks.ping(endpoint)

    def lease(until: timedelta) -> None:
        with unit_of_work() as session:
            session.execute(
                update(WebhookDelivery).values(
                    lease_owner="dead", next_attempt_at=clock.now() + until
                )
            )

    lease(timedelta(seconds=50))
    hooks.send()
    assert receiver.received == []
    lease(timedelta(0))
    hooks.send()
    assert [row.attempts for row in hooks.deliveries(endpoint)] == [1]


def test_told_to_stop_it_finishes_what_is_in_flight_and_gives_back_the_rest(
    app: Flask, receiver: Receiver
) -> None:
    receiver.mode = modes.hang
    endpoint = hooks.endpoint(receiver.url)
    hooks.ping(endpoint, 20)
    queue.queue(queue.OUTGOING).empty()
    with hooks.sending(app) as drained:
        hooks.arrived(receiver, 2)
        outgoing.stop()
        wait_until(lambda: {row.lease_owner for row in hooks.deliveries(endpoint)[2:]} == {None})
        assert not drained.done()
        receiver.let_go.set()
    assert len(receiver.received) == 2
    assert statuses(endpoint) == {"succeeded": 2, "pending": 18}
    assert hooks.get(endpoint).drained_by is None
    # Somebody else is woken for what is left.
    assert queue.depths()[queue.OUTGOING] == 1
    due = [row for row in hooks.deliveries(endpoint) if row.status == "pending"]
    assert all(row.next_attempt_at <= clock.now() and row.attempts == 0 for row in due)
    outgoing.stopping.clear()
    hooks.send()
    assert statuses(endpoint) == {"succeeded": 20}


def test_a_drain_ends_in_time_and_has_the_next_one_woken(app: Flask, receiver: Receiver) -> None:
    hooks.ping(hooks.endpoint(receiver.url), 3)
    queue.queue(queue.OUTGOING).empty()
    hooks.send(seconds=-1)
    assert receiver.received == []
    assert queue.depths()[queue.OUTGOING] == 1
    hooks.send()
    assert len(receiver.received) == 3


def test_a_signal_leaves_it_awake(app: Flask, receiver: Receiver) -> None:
    """One whose handler takes longer than the loop waits for news."""
    receiver.modes["/slow"] = modes.hang
    slow, quick = hooks.endpoint(f"{receiver.url}/slow"), hooks.endpoint(f"{receiver.url}/quick")
    hooks.ping(slow)
    db.session.remove()

    def signal_and_ask_for_more() -> None:
        try:
            wait_until(lambda: receiver.open["/slow"] == 1)
            for number in range(1, 4):
                os.kill(os.getpid(), signal.SIGALRM)
                wait_until(lambda number=number: len(handled) == number)
            with app.app_context():
                hooks.ping(quick)
            wait_until(lambda: len(receiver.of("/quick")) == 1)
        finally:
            receiver.let_go.set()

    handled: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        time.sleep(2 * draining.POLL_SECONDS)
        handled.append(number)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(signal_and_ask_for_more)
            hooks.send()
            other.result()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert statuses(slow) == statuses(quick) == {"succeeded": 1}


def test_without_redis_everything_is_sent(
    app: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.modes["/slow"] = modes.hang
    slow, quick = hooks.endpoint(f"{receiver.url}/slow"), hooks.endpoint(f"{receiver.url}/quick")
    # All that init_app sets, so that it is as it was for whoever comes next.
    for name in [name for name in app.extensions if name.startswith("bookstore_redis")]:
        monkeypatch.setitem(app.extensions, name, None)
    RedisHandle().init_app(app, "unix:///nowhere/redis.sock")
    hooks.ping(slow)
    with hooks.sending(app):
        hooks.arrived(receiver, 1)
        hooks.ping(quick)  # nobody can say that it is there; it is found all the same
        hooks.arrived(receiver, 2)
        receiver.let_go.set()
    assert statuses(quick) == {"succeeded": 1}


def test_a_mistake_in_one_channel_stops_no_other(
    app: Flask, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = hooks.endpoint(receiver.url)
    hooks.ping(endpoint)
    webhooks, mail, push = channels.every()
    # As if it had been written wrongly.
    mail.claim = None  # type: ignore[assignment]
    with Client(allow_private=True) as client, caplog.at_level(logging.ERROR):
        webhooks.client = client  # type: ignore[attr-defined]
        draining.drain([mail, push, webhooks])
    assert caplog.text.count("channel given up") == 1
    assert statuses(endpoint) == {"succeeded": 1}


@pytest.mark.parametrize("database", ["postgresql"])
class TestWithoutDatabase:
    @pytest.fixture(autouse=True)
    def _pool(self, app: Flask) -> Iterator[None]:
        """Leave no dead session in the pool: the first that fails does not tell of all others."""
        yield
        db.session.remove()
        db.engine.dispose()

    def test_results_are_written_when_it_is_back(
        self, app: Flask, receiver: Receiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        receiver.mode = modes.hang
        endpoint = hooks.endpoint(receiver.url)
        hooks.ping(endpoint, 2)
        db.session.remove()
        with hooks.sending(app):
            hooks.arrived(receiver, 2)
            with Closed(app), caplog.at_level(logging.WARNING):
                receiver.let_go.set()
                wait_until(lambda: "not written, trying again" in caplog.text)
        assert statuses(endpoint) == {"succeeded": 2}
        assert [row.attempts for row in hooks.deliveries(endpoint)] == [1, 1]
        assert hooks.logged() == 2
        assert hooks.counts() == {"succeeded": 2}

    def test_a_drain_that_finds_none_ends_and_says_so(
        self, app: Flask, caplog: pytest.LogCaptureFixture
    ) -> None:
        db.session.remove()
        with Closed(app), caplog.at_level(logging.WARNING):
            hooks.send()
        assert "drain ended, the database is away" in caplog.text


class Closed:
    """The app's database takes no connections, and those that were open are gone."""

    def __init__(self, app: Flask) -> None:
        with app.app_context():
            url = db.engine.url.set(drivername="postgresql")
        self.name = url.database
        self.elsewhere = url.set(database="postgres").render_as_string(hide_password=False)

    def __enter__(self) -> None:
        self._run(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false")
        # Waits until each is gone: one that is about to go would still answer the pool's ping.
        ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        self._run(f"{ended} WHERE datname = '{self.name}'")

    def __exit__(self, *_: object) -> None:
        self._run(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.elsewhere, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]
