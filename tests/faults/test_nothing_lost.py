"""Every committed order's events reach every endpoint, whoever dies when."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, select

from bookstore.extensions import db, redis_handle
from bookstore.models import Event, Order
from tests.clients import ADDRESS, ROOT, wait_until
from tests.factories import fill_carts, make_buyers
from tests.faults.outside import HEALED, MovedClock, World, for_seconds
from tests.processes import LiveWorker
from tests.servers import PostgresServer

pytestmark = pytest.mark.faults

KILLS = 20


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    with World(tmp_path / "home", database_url) as made:
        yield made


def order_by_web(world: World, buyers: list[tuple[int, str]], statuses: Counter[int]) -> None:
    """Let each buyer order over HTTP; asks again, with the same key, while that fails."""
    for user, token in buyers:

        def placed(user: int = user, token: str = token) -> bool:
            body = {"shipping_address": ADDRESS}
            try:
                answer = world.live.call(
                    "POST", "/orders", body, token, Idempotency_Key=f"order of {user}"
                )
            except requests.RequestException:
                statuses[0] += 1
                return False
            statuses[answer.status_code] += 1
            return answer.status_code == 201

        wait_until(placed, HEALED)


def with_carts(world: World, count: int) -> list[tuple[int, str]]:
    buyers = make_buyers(world.shop, count)
    fill_carts(world.shop, {user: [(world.book, 1)] for user, _ in buyers})
    return buyers


def test_the_worker_is_killed_again_and_again(world: World) -> None:
    for _ in range(KILLS):
        world.order(25)
        world.some_arrive(10)
        world.kill_worker()
        world.worker.start()
    world.all_arrive()


def test_the_worker_is_stopped_in_the_middle(world: World) -> None:
    for _ in range(3):
        world.order(40)
        world.some_arrive(10)
        assert world.worker.stop() == 0
        world.worker.start()
    # Nothing was left in flight, so nothing may have come twice.
    assert world.in_flight == set()
    world.all_arrive()


def test_web_dies_between_commit_and_wake_up(world: World, tmp_path: Path) -> None:
    # The process dies in the very first thing it does after the commit.
    script = tmp_path / "dies.py"
    script.write_text(
        "import os, signal\n"
        "from bookstore import create_app\n"
        "from bookstore.gateways import news\n"
        "from bookstore.extensions import db\n"
        "from bookstore.models import User\n"
        "from bookstore.services import cart, orders\n"
        f"home = {ADDRESS!r}\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "with create_app().app_context():\n"
        f"    reader = db.session.get(User, {world.user.id})\n"
        f"    cart.add_item(reader, {world.book}, 1)\n"
        "    news.tell = die\n"
        "    orders.place(reader, home)\n"
    )
    for _ in range(3):
        died = subprocess.run(
            [sys.executable, script],
            env=world.worker.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
            capture_output=True,
            text=True,
        )
        assert died.returncode == -signal.SIGKILL, died.stderr
    with world.shop.app_context():
        assert db.session.scalar(select(func.count()).select_from(Order)) == 3
    world.all_arrive()


def test_web_is_killed_under_load(world: World) -> None:
    with world.live:
        for _ in range(3):
            buyers = with_carts(world, 30)
            statuses: Counter[int] = Counter()
            order_by_web(world, buyers[:10], statuses)
            world.live.kill()
            world.live.start()
            order_by_web(world, buyers[10:], statuses)
            assert set(statuses) <= {201, 0, 409}, statuses
    world.all_arrive()


def test_redis_forgets_everything(world: World) -> None:
    with world.live:
        buyers, statuses = with_carts(world, 60), Counter[int]()
        for start in range(0, 60, 10):
            order_by_web(world, buyers[start : start + 10], statuses)
            with world.shop.app_context():
                redis_handle.client.flushall()
        assert statuses == {201: 60}
    world.all_arrive()


def test_redis_is_away_for_ten_seconds(world: World) -> None:
    with world.live:
        statuses: Counter[int] = Counter()
        order_by_web(world, with_carts(world, 10), statuses)
        world.redis.stop()
        outage, rounds = for_seconds(10), 0
        while outage:
            order_by_web(world, with_carts(world, 5), statuses)
            rounds += 1
        world.redis.start()
        order_by_web(world, with_carts(world, 10), statuses)
        assert statuses == {201: 20 + 5 * rounds}
    world.note_in_flight()
    world.all_arrive()


@pytest.mark.parametrize("database", ["postgresql"])
def test_the_database_is_restarted(tmp_path: Path, database: str) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer(tmp_path / "postgres", durable=True))
        server.create_database("shop")
        world = stack.enter_context(World(tmp_path / "home", server.url("shop")))
        stack.enter_context(world.live)
        statuses: Counter[int] = Counter()
        for _ in range(3):
            buyers = with_carts(world, 30)
            order_by_web(world, buyers[:15], statuses)
            world.note_in_flight()
            server.stop()
            with world.shop.app_context():
                db.engine.dispose()
            assert world.live.call("GET", "/books").status_code in {200, 503}
            server.start()
            order_by_web(world, buyers[15:], statuses)
            world.note_in_flight()
        # Only while it was away: each such answer asked to try again, and was tried again.
        assert set(statuses) <= {201, 503, 409}, statuses
        assert statuses[201] == 90
        world.all_arrive()


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_the_clock_is_moved(
    tmp_path: Path, database_url: str, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovedClock(tmp_path / "clock")
    with World(tmp_path / "home", database_url, shim=clock.folder) as world:
        world.order(30)
        world.some_arrive(10)
        # What a worker that dies now has leased must not wait an hour.
        world.kill_worker()
        clock.move(seconds)
        # The machine's clock: who takes orders goes by it as well.
        monkeypatch.setattr("bookstore.clock.datetime", clock.datetime)
        world.worker.start()
        world.order(30)
        world.all_arrive()


def test_two_schedulers_and_two_workers_at_once(world: World) -> None:
    with (
        LiveWorker(world.settings, "--scheduler"),
        LiveWorker(world.settings, "outgoing"),
    ):
        for _ in range(5):
            world.order(40)
            with world.shop.app_context():
                redis_handle.client.flushall()
        # Nobody died, so each came once.
        world.all_arrive()
        with world.shop.app_context():
            events = db.session.scalar(select(func.count()).select_from(Event))
    assert len(world.receiver.received) == 3 * events
