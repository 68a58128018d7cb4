"""A whole shop in which everything can die: its own Redis, database, web, worker, scheduler.

Each part is a real process, and so are its receivers of webhooks to it. Whatever happened, in
the end every event of the shop must have reached every one of them, and what came twice must
have been in flight when somebody died.
"""

import os
import time
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import flask_migrate
from sqlalchemy import func, select

from bookstore import create_app
from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.gateways.embedded_redis import EmbeddedRedis
from bookstore.models import Event, WebhookAttempt, WebhookDelivery
from bookstore.models.outbox import PENDING
from bookstore.services import orders, webhooks
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, ROOT, LiveShop, wait_until
from tests.conftest import SECRET, UNLIMITED
from tests.factories import fill_carts, make_book, make_user
from tests.fakes.receiver import Receiver
from tests.processes import LiveWorker

# A lease, a sweep and some: what the dead left behind is taken up within this time.
HEALED = 150
ENDPOINTS = ("/one", "/two", "/three")


class World:
    """The shop and those it tells. ``shim`` is a folder put first on its workers' path."""

    def __init__(self, home: Path, database_url: str, shim: Path | None = None) -> None:
        home.mkdir(exist_ok=True)
        self.settings = Settings(
            bookstore_env="testing",
            bookstore_home=home,
            secret_key=SECRET,
            database_url=database_url,
            log_level="WARNING",
            **UNLIMITED,
            web_workers=2,
            webhook_allow_private_networks=True,
            # Nobody pays here, and the clock is moved by an hour.
            order_payment_window=24 * 60,
        )
        self.redis = EmbeddedRedis(home)
        path = {} if shim is None else {"PYTHONPATH": os.pathsep.join([str(shim), str(ROOT)])}
        self.worker = LiveWorker(self.settings, "outgoing", **path)
        self.scheduler = LiveWorker(self.settings, "--scheduler", **path)
        # (event, path) of deliveries that were in flight when somebody died.
        self.in_flight: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.receiver = stack.enter_context(Receiver())
            stack.enter_context(self.redis)
            self.shop = create_app(self.settings)
            with self.shop.app_context():
                flask_migrate.upgrade()
                engine = db.engine
                stack.callback(engine.dispose)
                for endpoint in ENDPOINTS:
                    webhooks.create(SYSTEM, f"{self.receiver.url}{endpoint}", ["*"])
                self.book = make_book(stock=900_000, price=1310).id
                self.user = make_user("reader")
            stack.enter_context(self.worker)
            stack.enter_context(self.scheduler)
            self.live = LiveShop(self.settings)
            stack.callback(self.live.log.close)
            self._end = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    def order(self, count: int) -> None:
        """Place orders, without the web."""
        with self.shop.app_context():
            for _ in range(count):
                fill_carts(self.shop, {self.user.id: [(self.book, 1)]})
                orders.place(self.user, ADDRESS)

    def received(self) -> Counter[tuple[str, str]]:
        """Return how often each (event, path) came."""
        with self.receiver.lock:
            taken = list(self.receiver.received)
        return Counter((one.headers["webhook-id"], one.path) for one in taken)

    def some_arrive(self, more: int) -> None:
        """Return once that many deliveries more have come."""
        before = len(self.receiver.received)
        wait_until(lambda: len(self.receiver.received) >= before + more, HEALED)

    def note_in_flight(self) -> None:
        """Note what is leased: after a death, what was in flight in it."""
        with self.shop.app_context(), db.engine.connect() as connection:
            rows = connection.execute(
                select(Event.public_id, WebhookDelivery.endpoint_id)
                .join(WebhookDelivery, WebhookDelivery.event_id == Event.id)
                .where(WebhookDelivery.status == PENDING, WebhookDelivery.lease_owner.is_not(None))
            ).all()
        self.in_flight |= {(event, ENDPOINTS[endpoint - 1]) for event, endpoint in rows}

    def kill_worker(self) -> None:
        """Kill -9 the worker, and note what it had under way."""
        self.worker.kill()
        self.note_in_flight()

    def all_arrive(self) -> None:
        """Return once everything is delivered; fail if anything is lost, or doubled for nothing."""
        with self.shop.app_context(), unit_of_work() as session:
            events = set(session.scalars(select(Event.public_id)))
        expected = {(event, path) for event in events for path in ENDPOINTS}
        try:
            wait_until(lambda: set(self.received()) >= expected, HEALED)
            wait_until(self._nothing_pending, HEALED)
        except AssertionError:
            missing = len(expected - set(self.received()))
            logs = f"{self.worker.log[-5000:]}\n{self.scheduler.log[-3000:]}"
            raise AssertionError(f"{missing} of {len(expected)} did not arrive\n{logs}") from None
        received = self.received()
        assert set(received) == expected
        doubled = {delivery for delivery, times in received.items() if times > 1}
        assert doubled <= self.in_flight, self._told_of(doubled - self.in_flight)

    def _told_of(self, doubled: set[tuple[str, str]]) -> str:
        event, path = min(doubled)
        with self.shop.app_context():
            log = db.session.execute(
                select(WebhookAttempt.at, WebhookAttempt.status_code, WebhookAttempt.error)
                .join(WebhookDelivery, WebhookDelivery.id == WebhookAttempt.delivery_id)
                .join(Event, Event.id == WebhookDelivery.event_id)
                .where(
                    Event.public_id == event,
                    WebhookDelivery.endpoint_id == ENDPOINTS.index(path) + 1,
                )
            ).all()
        return f"{len(doubled)} doubled for nothing; {event} to {path}: {log}\n{self.worker.log}"

    def _nothing_pending(self) -> bool:
        pending = select(func.count()).where(WebhookDelivery.status == PENDING)
        with self.shop.app_context(), db.engine.connect() as connection:
            return connection.execute(pending).scalar_one() == 0


def for_seconds(seconds: float) -> "Deadline":
    """Return something that is true for so long."""
    return Deadline(time.monotonic() + seconds)


class Deadline:
    """True until an instant."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __bool__(self) -> bool:
        return time.monotonic() < self.at


# Put in place of the package's own, before anything else reads the time.
MOVED_CLOCK = '''\
"""Lets a test move the clock of a process: a file says by how many seconds."""

import importlib.util
import pathlib
import sys
import time
from datetime import timedelta

here = pathlib.Path(__file__).parent
real_time = time.time


def offset():
    return float((here / "offset").read_text() or 0)


time.time = lambda: real_time() + offset()
root = next(p for p in sys.path if (pathlib.Path(p) / "bookstore" / "clock.py").exists())
spec = importlib.util.spec_from_file_location(
    "bookstore.clock", pathlib.Path(root) / "bookstore" / "clock.py"
)
clock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(clock)
real_now = clock.now
clock.now = lambda: real_now() + timedelta(seconds=offset())
sys.modules["bookstore.clock"] = clock
'''


class MovedClock:
    """A folder for ``World(shim=…)`` whose processes have the time that one sets.

    ``datetime`` has the same time, for ``bookstore.clock`` in the test's own process.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.seconds = folder, 0.0
        self.move(0)

        class Moved(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:
                return datetime.now(tz) + timedelta(seconds=self.seconds)

        self.datetime = Moved
        (folder / "sitecustomize.py").write_text(MOVED_CLOCK)

    def move(self, seconds: float) -> None:
        """Set the clock that far from the true time."""
        draft = self.folder / "offset.new"
        draft.write_text(str(seconds))
        self.seconds = seconds
        draft.rename(self.folder / "offset")
