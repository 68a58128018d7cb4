"""Worker and scheduler while Redis is away: they wait, say so once, and go on."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from flask import Flask

from bookstore.config import Settings
from tests.clients import wait_until
from tests.fakes import receiver as modes
from tests.fakes.receiver import Receiver
from tests.jobs.conftest import Mails, place_order
from tests.processes import LiveWorker
from tests.servers import RedisServer
from tests.services import hooks

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that is not started yet. The app has another, so no commit wakes these workers."""
    server = RedisServer(tmp_path / "redis-home")
    yield server
    server.stop()


@pytest.fixture
def there(settings: Settings, own_redis: RedisServer) -> Settings:
    """Settings that name that server."""
    return dataclasses.replace(settings, redis_url=own_redis.url)


def test_at_the_start(app: Flask, there: Settings, own_redis: RedisServer, mails: Mails) -> None:
    with LiveWorker(there, "outgoing") as worker, LiveWorker(there, "--scheduler") as scheduler:
        for process in (worker, scheduler):
            process.wait_for("Redis is away, waiting for it")
        place_order()
        own_redis.start()
        wait_until(lambda: mails() == 1)
        for process in (worker, scheduler):
            process.wait_for("Redis is back")
            assert process.log.count("Redis is away") == 1
            assert process.stop() == 0


@pytest.mark.faults
def test_under_a_job(
    app: Flask, there: Settings, own_redis: RedisServer, receiver: Receiver
) -> None:
    own_redis.start()
    receiver.mode = modes.hang
    endpoint = hooks.endpoint(f"{receiver.url}/a")
    with LiveWorker(there, "outgoing") as worker, LiveWorker(there, "--scheduler"):
        hooks.ping(endpoint)
        wait_until(lambda: receiver.open["/a"] == 1)
        own_redis.stop()
        receiver.let_go.set()
        # What has been sent is written down, Redis or not.
        wait_until(lambda: hooks.deliveries(endpoint)[0].status == "succeeded")
        worker.wait_for("Redis went away under a job")
        hooks.ping(endpoint)
        own_redis.start()
        redis.Redis.from_url(own_redis.url).flushall()
        wait_until(lambda: hooks.deliveries(endpoint)[1].status == "succeeded")
        assert len(receiver.received) == 2
        assert "Traceback" not in worker.log
        # It can be told to stop while it waits, too.
        before = worker.log.count("Redis is away")
        own_redis.stop()
        worker.wait_for("Redis is away", times=before + 1)
        assert worker.stop() == 0
