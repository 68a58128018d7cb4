"""Redis away: each process limits by itself, nobody waits, and then Redis counts again."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask

from bookstore import create_app, errors
from bookstore.extensions import db, redis_handle
from bookstore.gateways import rates
from bookstore.services import attempts
from tests.clients import Client, at_once, ok, problem, wait_until
from tests.conftest import Apps
from tests.limiting import left
from tests.servers import RedisServer

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis-home") as server:
        yield server


@pytest.fixture
def alone(
    apps: Apps, shop: Flask, database: str, own_redis: RedisServer, tmp_path: Path
) -> Iterator[Client]:
    """A shop with a Redis of its own, and few requests for everybody."""
    settings = apps.settings(
        database,
        redis_url=own_redis.url,
        ratelimit_burst="3/day",
        ratelimit_login="100/day",
    )
    app = create_app(settings)
    yield Client(app)
    with app.app_context():
        db.engine.dispose()


def ask(client: Client, address: str) -> Any:
    return client.http.get("/api/v2/books", environ_base={"REMOTE_ADDR": address})


@contextmanager
def hanging(client: Client) -> Iterator[None]:
    """Stop Redis from doing anything, without closing a connection."""
    with client.app.app_context():
        pid = int(redis_handle.client.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_each_process_goes_on_alone_and_comes_back(alone: Client, own_redis: RedisServer) -> None:
    assert left(ask(alone, "192.0.2.1")) == ("burst", 2)
    own_redis.stop()
    # All at once: the second that meets a dead Redis is answered like the first.
    many = at_once([lambda: ask(alone, "192.0.2.1")] * 12)
    assert sorted(answer.status_code for answer in many) == [200] * 3 + [429] * 9
    problem(ask(alone, "192.0.2.1"), 429, "rate_limited")
    assert left(ask(alone, "192.0.2.2")) == ("burst", 2)
    ok(alone.get("/healthz"))
    own_redis.start()
    client = redis.Redis.from_url(own_redis.url)
    client.flushall()

    def is_counted_there() -> bool:
        ask(alone, "192.0.2.3")
        return bool(list(client.scan_iter(f"{rates.PREFIX}*")))

    wait_until(is_counted_there)
    assert left(ask(alone, "192.0.2.1")) == ("burst", 2)
    client.close()


def test_a_redis_that_hangs_is_left_alone(alone: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookstore.redis_clients.patience.Impatient.REST_SECONDS", 5.0)
    assert left(ask(alone, "192.0.2.1")) == ("burst", 2)
    with hanging(alone):
        assert left(ask(alone, "192.0.2.1")) == ("burst", 2)
        with alone.app.app_context():
            for client in (redis_handle.quick, redis_handle.client):
                # Who asks now is not made to wait.
                with pytest.raises(redis.ConnectionError, match="a moment ago"):
                    client.ping()
        answers = [ask(alone, "192.0.2.1").status_code for _ in range(4)]
        assert answers == [200, 200, 429, 429]
    wait_until(lambda: left(ask(alone, "192.0.2.1"))[1] == 0)


def test_guessing_takes_long_without_redis_too(alone: Client, own_redis: RedisServer) -> None:
    own_redis.stop()
    with alone.app.app_context():
        for _ in range(10):
            attempts.check("login", "ann")
            attempts.failed("login", "ann")
            rates.storage().clear(attempts._key("delay", "login", "ann"))
        attempts.failed("login", "ann")
        with pytest.raises(errors.RateLimited) as refused:
            attempts.check("login", "Ann")
        assert refused.value.retry_after > 60
        attempts.succeeded("login", "ann")
        attempts.check("login", "ann")


def test_apps_count_apart(alone: Client, client: Client) -> None:
    for _ in range(3):
        ok(ask(alone, "192.0.2.1"))
    problem(ask(alone, "192.0.2.1"), 429, "rate_limited")
    assert left(ask(client, "192.0.2.1"))[1] > 3
