"""``flask worker status``: the table, the JSON, and when it says that something is wrong."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from bookstore import clock, create_app
from bookstore.extensions import db, redis_handle
from bookstore.gateways import beats, claims, queue
from bookstore.models import Email, OutcomeCount
from bookstore.unit_of_work import unit_of_work
from tests.cli.test_commands import run
from tests.conftest import Apps
from tests.factories import make_user


@pytest.fixture
def alive(app: Flask) -> None:
    """A worker for each queue, and a scheduler, as they show that they are there."""
    for name in (*queue.QUEUES, beats.SCHEDULER):
        beats.beat(redis_handle.client, name, "somebody")
    claims.note_sweep()


@pytest.mark.usefixtures("alive")
class TestStatus:
    """With somebody at work."""

    def test_all_is_well(self, app: Flask) -> None:
        with unit_of_work() as session:
            session.add(OutcomeCount(channel="push", outcome="failed", count=2))
        result = run(app, "worker", "status")
        assert result.exit_code == 0, result.output
        lines = {line.split()[0]: line.split() for line in result.stdout.splitlines()}
        assert lines["webhooks"][1:5] == ["0", "0", "0", "-"]
        assert lines["push"][-2:] == ["2", "failed"]
        assert "queue outgoing: 0 waiting, 1 workers" in result.stdout
        assert result.stderr == ""

    def test_something_is_late(self, app: Flask) -> None:
        user, due = make_user(), clock.now() - timedelta(seconds=61)
        with unit_of_work() as session:
            session.add(Email(user_id=user.id, template="password_reset", next_attempt_at=due))
        result = run(app, "worker", "status")
        assert result.exit_code == 1
        assert "WRONG: email: something has been due for 61 seconds" in result.stderr

    def test_json(self, app: Flask) -> None:
        result = run(app, "worker", "status", "--json")
        assert result.exit_code == 0, result.output
        body = json.loads(result.stdout)
        assert body["workers"] == {"outgoing": 1, "jobs": 1, "long": 1}
        assert body["channels"]["email"]["pending"] == 0
        assert body["alarms"] == []


def test_nobody_works(app: Flask) -> None:
    result = run(app, "worker", "status", "--json")
    assert result.exit_code == 1
    assert "no worker works on the queue outgoing" in json.loads(result.stdout)["alarms"]


@pytest.fixture
def without_redis(apps: Apps, tmp_path: Path) -> Iterator[Flask]:
    apps.empty("sqlite")
    app = create_app(apps.settings("sqlite", redis_url=f"unix://{tmp_path / 'nobody.sock'}"))
    with app.app_context():
        yield app
        db.engine.dispose()


def test_redis_is_away(without_redis: Flask) -> None:
    result = run(without_redis, "worker", "status")
    assert result.exit_code == 1
    assert "WRONG: redis does not answer" in result.stderr
    assert "webhooks" in result.stdout
