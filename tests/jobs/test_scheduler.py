"""The scheduler: each turn once, however many run; through clocks, failures and a lost Redis."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text, update

from bookstore import clock, create_app
from bookstore.config import Settings
from bookstore.extensions import db, redis_handle
from bookstore.gateways import claims, queue
from bookstore.models import Email
from bookstore.unit_of_work import new_snapshot, unit_of_work
from bookstore.worker.scheduler import Recurring, Scheduler
from tests.clients import wait_until
from tests.conftest import Apps
from tests.factories import make_user
from tests.processes import LiveWorker
from tests.servers import RedisServer


class Tally:
    """A recurring job that counts its turns."""

    def __init__(self, every: float = 3600) -> None:
        self.turns = 0
        self.item = Recurring("tally", every, self.run)

    def run(self) -> None:
        self.turns += 1


def turn_over() -> None:
    """Have the present turn be over, as when its time is up."""
    assert redis_handle.client.delete("bookstore:turn:tally") == 1


def test_one_of_many_gets_each_turn(app: Flask) -> None:
    tally = Tally()
    for turn in (1, 2):
        for scheduler in [Scheduler(app, (tally.item,)) for _ in range(3)]:
            scheduler.tick()
            assert 0 < scheduler.tick() <= 1
        assert tally.turns == turn
        turn_over()


def test_a_turn_ends_by_itself(app: Flask) -> None:
    tally = Tally(every=0.05)
    first, second = Scheduler(app, (tally.item,)), Scheduler(app, (tally.item,))
    first.tick()
    # Whose it is does not matter: the one who is left gets the next.
    wait_until(lambda: second.tick() > 0 and tally.turns >= 3)


def test_a_turn_that_a_clock_set_back_made_long_is_over(app: Flask) -> None:
    tally = Tally(every=60)
    redis_handle.client.set("bookstore:turn:tally", 1, ex=3600)
    Scheduler(app, (tally.item,)).tick()
    assert tally.turns == 1
    assert 0 < redis_handle.client.pttl("bookstore:turn:tally") <= 60_000


def test_one_that_fails_has_another_turn_soon(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("out of paper")

    Scheduler(app, (Recurring("tally", 3600, fail),)).tick()
    assert "out of paper" in caplog.text
    assert 0 < redis_handle.client.pttl("bookstore:turn:tally") <= 60_000


def test_a_database_away_is_one_line(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        db.session.execute(text("SELECT 1 FROM nothing_of_that_name"))

    Scheduler(app, (Recurring("tally", 3600, fail),)).tick()
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is None
    assert "nothing_of_that_name" in vars(record)["why"]


@pytest.fixture
def without_redis(apps: Apps, tmp_path: Path) -> Iterator[tuple[Flask, RedisServer]]:
    """An app whose Redis is not started yet, and that."""
    server = RedisServer(tmp_path)
    apps.empty("sqlite")
    made = create_app(apps.settings("sqlite", redis_url=server.url))
    yield made, server
    with made.app_context():
        redis_handle.client.close()
        db.engine.dispose()
    server.stop()


def test_without_redis_it_waits(
    without_redis: tuple[Flask, RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    app, server = without_redis
    tally = Tally()
    scheduler = Scheduler(app, (tally.item,))
    for _ in range(2):
        scheduler.tick()
        scheduler._due["tally"] = 0.0
    assert tally.turns == 0
    assert caplog.text.count("Redis is away") == 1
    server.start()

    def taken() -> bool:
        scheduler.tick()
        return tally.turns == 1

    wait_until(taken)
    assert "Redis is back" in caplog.text


class TestClock:
    """A clock that was set: rows wait for a time that will not come soon."""

    @pytest.fixture
    def mail(self, app: Flask) -> int:
        """A mail written an hour from now."""
        user, later = make_user(), clock.now() + timedelta(hours=1)
        with unit_of_work() as session:
            made = Email(user_id=user.id, template="password_reset")
            session.add(made)
        self.put(made.id, later)
        return made.id

    @staticmethod
    def put(mail: int, later: object) -> None:
        with unit_of_work() as session:
            session.execute(
                update(Email)
                .where(Email.id == mail)
                .values(touched_at=later, next_attempt_at=later)
            )

    @staticmethod
    def is_due(mail: int) -> bool:
        db.session.expire_all()
        new_snapshot()
        return db.session.get_one(Email, mail).next_attempt_at <= clock.now()

    def test_it_mends_at_the_start(self, app: Flask, mail: int) -> None:
        claims.take("sweep", 10)
        Scheduler(app).tick()
        assert self.is_due(mail)
        assert queue.depths()["outgoing"] == 1

    def test_it_mends_after_a_jump(
        self, app: Flask, mail: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scheduler = Scheduler(app)
        scheduler.tick()
        later = clock.now() + timedelta(hours=1)
        self.put(mail, later)
        scheduler.tick()
        assert not self.is_due(mail)
        real = clock.now
        monkeypatch.setattr(clock, "now", lambda: real() - timedelta(minutes=5))
        scheduler.tick()
        assert self.is_due(mail)

    def test_it_mends_as_soon_as_the_database_lets_it(self, app: Flask, mail: int) -> None:
        rename = "ALTER TABLE {} RENAME TO {}"
        with db.engine.begin() as connection:
            connection.execute(text(rename.format("push_messages", "away")))
        scheduler = Scheduler(app)
        try:
            scheduler.tick()
        finally:
            with db.engine.begin() as connection:
                connection.execute(text(rename.format("away", "push_messages")))
        scheduler._due["sweep"] = 0.0
        self.put(mail, clock.now() + timedelta(hours=1))
        scheduler.tick()
        assert self.is_due(mail)


@pytest.mark.parametrize("database", ["sqlite"])
def test_two_processes_start_each_job_once(app: Flask, settings: Settings, database: str) -> None:
    with LiveWorker(settings, "--scheduler") as one, LiveWorker(settings, "--scheduler") as two:
        for scheduler in (one, two):
            scheduler.wait_for("the scheduler is at work")
        assert claims.seconds_since_sweep() is not None
        assert queue.depths()["jobs"] == 3  # reports, reconciliation, maintenance
        assert queue.depths()["long"] == 1  # recommendations: no refund waits for them
        assert (one.stop(), two.stop()) == (0, 0)
