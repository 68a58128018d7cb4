"""A master goes, another takes its place, and the shop goes on: nothing accepted is lost.

While it happens orders are placed by HTTP. In the end each has its mail, and limits, cache, queues,
tickets, live updates and signs of life are in Redis again. How long that took is printed (-s).
"""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import count

import pytest
import redis
from flask import Flask
from limits import parse
from sqlalchemy import func, select
from websockets.exceptions import ConnectionClosed

from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.gateways import beats, cache, queue, rates, tickets
from bookstore.models import Email
from bookstore.models.outbox import SUCCEEDED
from tests.clients import ADDRESS, wait_until
from tests.factories import fill_carts, make_book, make_buyers
from tests.processes import LiveWorker
from tests.redis.conftest import Processes
from tests.redis.servers import Cluster, Place, Sentinels, Server
from tests.sockets.following import Followed, follow, read

pytestmark = pytest.mark.faults

# Of a fail-over, a worker that waits half a minute for an answer, and the sweep after it.
SECONDS = 90
RATE = parse("1000/minute")


@pytest.fixture(scope="module", params=["sentinel", "cluster"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("redis") / "servers"
    kinds = {"sentinel": Sentinels, "cluster": partial(Cluster, replicas=1)}
    with kinds[request.param](folder) as running:
        yield running


class Buying:
    """Orders that are placed one after the other, by a thread, until ``stop``."""

    def __init__(self, there: Flask, processes: Processes, most: int) -> None:
        with there.app_context():
            book = make_book(stock=10_000, price=1310).id
        self.buyers = make_buyers(there, most)
        fill_carts(there, {user: [(book, 1)] for user, _ in self.buyers})
        self.live, self.answers = processes.live, Counter[int]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Buying":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    def _run(self) -> None:
        for _, token in self.buyers:
            body = {"shipping_address": ADDRESS}
            self.answers[self.live.call("POST", "/orders", body, token).status_code] += 1
            if self._over.wait(0.1):
                return


class Uses:
    """What the shop has in Redis: each returns whether it works now."""

    def __init__(self, there: Flask, processes: Processes, followed: Followed) -> None:
        self.there, self.processes, self.followed = there, processes, followed
        self._names = count()

    def limits(self) -> bool:
        """Counted in Redis, not by this process."""
        for _ in range(12):  # of as many people: in as many slots of a cluster
            rates.hit([(RATE, f"burst:user:{next(self._names)}")])
        return not self.there.extensions["bookstore_rates"].is_away

    def cache(self) -> bool:
        """There is a version, and what was put is got."""
        at = cache.version("catalog")
        if at is None:
            return False
        cache.put("catalog", at, "k", b"v", 60)
        found = cache.look("catalog", "k")
        return found is not None and found.value == b"v"

    def tickets(self) -> bool:
        """Good once."""
        for _ in range(12):
            ticket = tickets.issue(b"who", 30)
            if (tickets.redeem(ticket), tickets.redeem(ticket)) != (b"who", None):
                return False
        return True

    def beats(self) -> bool:
        """All are at work."""
        return beats.counts() == {"outgoing": 1, "jobs": 1, "long": 0, "scheduler": 1}

    def jobs(self) -> bool:
        """One is queued, and a worker does it."""
        done = "job done job=bookstore.jobs.report"
        before = self.processes.jobs.log.count(done)
        if not queue.enqueue("bookstore.jobs.report"):
            return False
        try:
            wait_until(lambda: self.processes.jobs.log.count(done) > before, 5)
        except AssertionError:
            return False
        return True

    def sockets(self) -> bool:
        """A change is told by pub/sub, sooner than the comparison every 15 s would find it."""
        try:
            with self.followed.socket() as client:
                read(client)
                version = self.followed.change()
                return bool(read(client, timeout=2)["update"]["version"] == version)
        except (TimeoutError, ConnectionClosed):
            return False

    def all_again(self, began: float | None = None) -> dict[str, float]:
        """Wait until each works; return how many seconds after ``began`` each did."""
        began, took = began or time.monotonic(), {}
        for use in (self.limits, self.cache, self.tickets, self.beats, self.jobs, self.sockets):
            try:
                wait_until(partial(self._works, use), SECONDS)
            except AssertionError:
                logs = (self.processes.jobs.log, self.processes.outgoing.log)
                pytest.fail(f"{use.__name__} in vain; {took}; {[log[-2000:] for log in logs]}")
            took[use.__name__] = round(time.monotonic() - began, 1)
        return took

    def _works(self, use: object) -> bool:
        with self.there.app_context():
            try:
                return bool(use())  # type: ignore[operator]
            except redis.RedisError:
                return False


def fail(place: Place, server: Server, how: str) -> None:
    """Make a master go: killed, not answering any more, or told to hand over."""
    if how == "killed":
        server.kill()
    elif how == "hangs":
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
    elif isinstance(place, Sentinels):
        place.watchers[0].ask("SENTINEL", "FAILOVER", "shop")
    else:
        place.replica_of(server).ask("CLUSTER", "FAILOVER")


def bring_back(server: Server, how: str) -> None:
    """Have the old master there again; it finds that it is a replica now."""
    if how == "killed":
        server.start()
    elif how == "hangs":
        assert server.process is not None
        server.process.send_signal(signal.SIGCONT)
    wait_until(lambda: "slave" in str(server.ask("ROLE")[0]), SECONDS)


@pytest.fixture
def scheduler(there: Flask, settings: Settings) -> Iterator[LiveWorker]:
    with LiveWorker(settings, "--scheduler") as running:
        running.wait_for("the scheduler is at work")
        yield running


@pytest.mark.parametrize("how", ["killed", "hangs", "hands over"])
def test_a_master_goes(
    there: Flask, place: Place, processes: Processes, scheduler: LiveWorker, how: str
) -> None:
    uses = Uses(there, processes, follow(there, processes.live))
    uses.all_again()
    # Of a cluster: who has RQ's keys, and who has the signs of life.
    keys = ["{rq}"] if place.kind == "sentinel" else ["{rq}", "bookstore:{beats}:jobs"]
    for key in keys:
        master = place.owner(key)
        with Buying(there, processes, 300) as buying:
            began = time.monotonic()
            fail(place, master, how)
            wait_until(lambda key=key, master=master: is_elsewhere(place, key, master), SECONDS)
            elected = round(time.monotonic() - began, 1)
            took = uses.all_again(began)
            wait_until(lambda buying=buying: buying.answers.total() > 5, SECONDS)
            print(f"\n{place.kind}, the master of {key} {how}: elected {elected}, {took}")
        assert set(buying.answers) == {201}, buying.answers
        bring_back(master, how)
        uses.all_again()
    wait_until(lambda: unsent(there) == 0, SECONDS)


def is_elsewhere(place: Place, key: str, old: Server) -> bool:
    try:
        return place.owner(key) is not old
    except (redis.RedisError, RuntimeError):
        return False


def unsent(there: Flask) -> int:
    """Return how many mails of orders are still to go."""
    with there.app_context(), db.engine.connect() as connection:
        query = select(func.count()).where(Email.status != SUCCEEDED)
        return int(connection.execute(query).scalar_one())
