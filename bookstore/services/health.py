"""Whether the service can do its work: asked of all that it needs, and answered in time.

Each question is asked in a thread of its own, since a server that hangs is not asked with a
timeout that can be relied on; and on a connection of its own, since those of the pool may all be
waiting for that very server.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import redis
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from bookstore.extensions import context_maker, db, migrate
from bookstore.gateways import beats
from bookstore.gateways.queue import QUEUES
from bookstore.services import reading

log = logging.getLogger(__name__)

T = TypeVar("T")
# So long a question may take. Redis has its own timeouts, which are shorter.
SECONDS = 1.5
OK, UNREACHABLE, UNKNOWN = "ok", "unreachable", "unknown"


@dataclass(frozen=True, slots=True)
class State:
    """What answers. ``workers``: how many work on each queue, and as scheduler; None without
    Redis. ``heads``: the migrations that the database is at; None without one. ``replicas``: as
    ``reading.states``."""

    redis: bool
    heads: frozenset[str] | None
    workers: dict[str, int] | None
    replicas: dict[str, str]

    @property
    def database(self) -> bool:
        """Whether the database answers."""
        return self.heads is not None

    @property
    def is_ahead(self) -> bool:
        """Whether the database is at a migration of a later release than this."""
        return self.heads is not None and not self.heads <= known_migrations()

    @property
    def can_serve(self) -> bool:
        """Whether requests can be served: the database answers, and has the migrations.

        One that is ahead has: while a new release comes in, the old one goes on serving.
        """
        return self.heads == newest_migrations() or self.is_ahead

    def checks(self) -> dict[str, str]:
        """Return "ok" or what is wrong, of everything."""
        found = {
            "database": OK if self.database else UNREACHABLE,
            "migrations": UNKNOWN,
            "redis": OK if self.redis else UNREACHABLE,
            "worker": UNKNOWN,
            "scheduler": UNKNOWN,
        }
        if self.replicas:
            off = [f"{name} is {said}" for name, said in self.replicas.items() if said != OK]
            found["replicas"] = ", ".join(off) or OK
        if self.heads is not None:
            wanted = newest_migrations()
            at, knows = sorted(self.heads), sorted(wanted)
            wrong = f"ahead at {at}, knows {knows}" if self.is_ahead else f"at {at}, needs {knows}"
            found["migrations"] = OK if self.heads == wanted else wrong
        if self.workers is not None:
            idle = ", ".join(name for name in QUEUES if not self.workers[name])
            found["worker"] = f"none for {idle}" if idle else OK
            found["scheduler"] = OK if self.workers[beats.SCHEDULER] else "none"
        return found


def look() -> State:
    """Ask everything at once; returns within 2 s whatever hangs."""
    probes = _probes()
    for probe in (probes.database, probes.redis):
        probe.start()
    heads, workers = probes.database.answer(), probes.redis.answer()
    return State(redis=workers is not None, heads=heads, workers=workers, replicas=reading.states())


def database_hangs() -> bool:
    """Return whether the database neither answers nor refuses. Takes as long as ``look``."""
    return _probes().database.hangs()


def look_behind() -> dict[str, int] | None:
    """Return how many work on each queue, and as scheduler; None when Redis does not answer."""
    return _probes().redis.answer()


class _Probe(Generic[T]):
    """One question. Who asks while it is being asked waits for the same answer."""

    def __init__(self, ask: Callable[[], T | None]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._running: Future[T | None] | None = None
        self._since = 0.0
        self._was_slow = False

    def start(self) -> "Future[T | None]":
        """Ask, unless the last time is still unanswered."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running, self._since = Future(), time.monotonic()
                context = context_maker()
                threading.Thread(
                    target=self._run, args=[context, self._running], name="probe", daemon=True
                ).start()
            return self._running

    def answer(self) -> T | None:
        """Return the answer; None when there is none in time."""
        running = self.start()
        left = self._since + SECONDS - time.monotonic()
        try:
            return running.result(max(0.0, left))
        except TimeoutError:
            return None

    def hangs(self) -> bool:
        """Ask, and return whether nothing at all has come in time."""
        running = self.start()
        wait([running], max(0.0, self._since + SECONDS - time.monotonic()))
        return not running.done() or self._was_slow

    def _run(self, context: Callable[[], Any], running: "Future[T | None]") -> None:
        answer, began = None, time.monotonic()
        try:
            with context():
                answer = self._ask()
        except Exception:
            log.exception("a check failed")
        self._was_slow = time.monotonic() - began >= SECONDS
        running.set_result(answer)


class _Probes:
    def __init__(self, engine: Engine) -> None:
        options: dict[str, Any] = {}
        if engine.dialect.name == "postgresql":
            options = {"connect_timeout": 2, "tcp_user_timeout": 5000}
        self._engine = create_engine(
            engine.url, poolclass=NullPool, hide_parameters=True, connect_args=options
        )
        self.database = _Probe(self._heads)
        self.redis = _Probe(_workers)

    def _heads(self) -> frozenset[str] | None:
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT 1"))
                return frozenset(MigrationContext.configure(connection).get_current_heads())
        except SQLAlchemyError as error:
            log.debug("no database", extra={"why": type(error).__name__})
            return None


def _workers() -> dict[str, int] | None:
    try:
        return beats.counts()
    except redis.RedisError as error:
        log.debug("no Redis", extra={"why": str(error)})
        return None


# By the engine of an app: there may be several in a process, each with its own database.
_all: "WeakKeyDictionary[Engine, _Probes]" = WeakKeyDictionary()
_making = threading.Lock()


def _probes() -> _Probes:
    engine = db.engine
    with _making:
        if engine not in _all:
            _all[engine] = _Probes(engine)
        return _all[engine]


@cache
def newest_migrations() -> frozenset[str]:
    """Return where a database has to be: the heads in the folder of the migrations."""
    return frozenset(ScriptDirectory(migrations_folder()).get_heads())


@cache
def known_migrations() -> frozenset[str]:
    """Return every migration in the folder."""
    walked = ScriptDirectory(migrations_folder()).walk_revisions()
    return frozenset(script.revision for script in walked)


def migrations_folder() -> str:
    """Return the folder of the migrations."""
    return str(Path(str(migrate.directory)))
