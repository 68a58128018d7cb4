"""How the shop talks to its database: limits of connections and statements, and what it counts.

PostgreSQL ends what takes too long, but not while it hangs itself, and psycopg has no timeout for
an answer: soon every thread would wait. ``Line`` knows who waits, and can end it from outside.
"""

import contextlib
import logging
import os
import socket
import time
from typing import Any

from flask import Flask
from sqlalchemy import Engine, event, exc
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from bookstore import instruments, replicas
from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.instruments import counting

log = logging.getLogger("bookstore.sql")

# Of each session of PostgreSQL; those in milliseconds.
LIMITS = {
    "statement_timeout": "10000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "15000",
    "timezone": "UTC",
}
# The execution option of a statement that PostgreSQL is to plan for its values, each time.
UNPREPARED = "bookstore_unprepared"
OVERFLOW = 2
POOL_SECONDS = 5


class Line:
    """The connections of one app that are in use, and whether it is worth asking for one."""

    def __init__(self) -> None:
        self.is_dead = False
        self._in_use: dict[int, tuple[float, Any]] = {}

    def taken(self, connection: Any, record: Any) -> None:
        """Note a connection that is now in use."""
        self._in_use[id(record)] = (time.monotonic(), connection)

    def given_back(self, record: Any) -> None:
        """Note that it no longer is."""
        self._in_use.pop(id(record), None)

    def longest(self) -> float:
        """Return for how many seconds the first of them has been in use; 0 when none is."""
        now = time.monotonic()
        return max((now - since for since, _ in list(self._in_use.values())), default=0.0)

    def cut(self, seconds: float) -> int:
        """End those that have been in use for so long: their threads see the server gone.

        Returns:
            how many.
        """
        now, ended = time.monotonic(), 0
        for since, connection in list(self._in_use.values()):
            if now - since < seconds or not hasattr(connection, "fileno"):
                continue
            # Closed meanwhile by its own thread, psycopg raises.
            with (
                contextlib.suppress(Exception),
                socket.socket(fileno=os.dup(connection.fileno())) as end,
            ):
                end.shutdown(socket.SHUT_RDWR)
                ended += 1
        return ended


class CountingPool(QueuePool):
    """A pool that counts who has to wait, and who waits in vain."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.line = Line()

    def recreate(self) -> "CountingPool":
        """Return another like this, on the same line."""
        made = super().recreate()
        assert isinstance(made, CountingPool)  # noqa: S101 # nosec B101
        made.line = self.line
        return made

    def connect(self) -> PoolProxiedConnection:
        """Return a connection; as QueuePool's own. TimeoutError at once on a dead line."""
        if self.line.is_dead:
            raise exc.TimeoutError("the database does not answer")
        if 0 <= self._max_overflow <= self.overflow() and not self.checkedin():
            instruments.POOL_WAITS.add(counting.role)
        try:
            return super().connect()
        except exc.TimeoutError:
            instruments.POOL_TIMEOUTS.add(counting.role)
            raise

    @property
    def limit(self) -> int:
        """How many connections there may be at once."""
        return self.size() + self._max_overflow


def options(settings: Settings) -> dict[str, Any]:
    """Return what SQLAlchemy makes the engine with."""
    # Errors are logged with their statement, never with the values: those are people's.
    common: dict[str, Any] = {"hide_parameters": True, "poolclass": CountingPool}
    if settings.sqlalchemy_url.startswith("sqlite"):
        return common
    connect: dict[str, Any] = {"connect_timeout": 5}
    if settings.database_pooler is None:
        # Nothing a request does may hold a lock or a connection for ever.
        connect["options"] = " ".join(f"-c {name}={value}" for name, value in LIMITS.items())
    else:
        # The next transaction may be another session's: what was prepared here is not there, and
        # a pooler refuses options. The database's role has the limits there.
        connect["prepare_threshold"] = None
    return {
        **common,
        "pool_size": settings.web_threads,
        "max_overflow": OVERFLOW,
        "pool_timeout": POOL_SECONDS,
        "pool_recycle": 1800,
        "connect_args": connect,
    }


def replicas_of(settings: Settings) -> dict[str, Any]:
    """Return the binds of the replicas; each has a pool of its own, as large as the primary's."""
    more = options(settings)
    # Who waits for a replica is better served by the primary.
    more |= {
        "pool_timeout": 1,
        "connect_args": more.get("connect_args", {}) | {"connect_timeout": 2},
    }
    return {
        f"replica{number}": {"url": url, **more} for number, url in enumerate(settings.replica_urls)
    }


def connections(settings: Settings, workers: int) -> int:
    """Return how many connections to the primary this machine's processes may open at once.

    Args:
        settings: of all of them.
        workers: how many workers and schedulers there are.
    """
    # Besides its pool a process has one that looks whether the database answers, and one that
    # looks how far it is ahead of its replicas.
    each = settings.web_threads + OVERFLOW + 1 + bool(settings.replica_urls)
    return (settings.web_workers + workers) * each


def line() -> Line:
    """Return that of the current app."""
    pool = db.engine.pool
    return pool.line if isinstance(pool, CountingPool) else Line()


def watch(slow_ms: int) -> None:
    """Count the connections of the current app's engines, and log statements that are slow."""
    engines = list(db.engines.values())
    pools = [one.pool for one in engines if isinstance(one.pool, CountingPool)]
    for engine in engines:
        _watch_statements(engine, slow_ms)
    for pool in pools:
        _watch_connections(pool, sum(one.limit for one in pools))


def follow(app: Flask, settings: Settings) -> None:
    """Have the replicas of an app looked at, if it has any."""
    with app.app_context():
        engines = [engine for name, engine in db.engines.items() if name is not None]
        if engines:
            app.extensions[replicas.EXTENSION] = replicas.Replicas(
                db.engine, engines, settings.database_replica_lag, _cut
            )


def _cut(engine: Engine, seconds: float) -> None:
    if isinstance(engine.pool, CountingPool):
        engine.pool.line.cut(seconds)


def is_watched(engine: Engine) -> bool:
    """Return whether others than the shop's own watch listen to the statements of an engine."""
    return len(engine.dispatch.before_cursor_execute) > 1


def note(started: float, statement: str, slow_ms: int) -> None:
    """Log a statement that is done, if it was slow.

    Args:
        started: of ``time.perf_counter``.
        statement: has placeholders, never the values.
        slow_ms: from how many milliseconds on it is.
    """
    elapsed = (time.perf_counter() - started) * 1000
    if elapsed >= slow_ms:
        instruments.SLOW_QUERIES.add(counting.role)
        log.warning("slow query", extra={"ms": round(elapsed), "sql": statement[:2000]})


def _watch_statements(engine: Any, slow_ms: int) -> None:
    def before(conn: Any, *_rest: Any) -> None:
        conn.info["started"] = time.perf_counter()

    def after(conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        note(conn.info["started"], statement, slow_ms)

    def execute(cursor: Any, statement: str, values: Any, context: Any) -> bool:
        if not context.execution_options.get(UNPREPARED) or engine.dialect.name == "sqlite":
            return False
        cursor.execute(statement, values, prepare=False)
        return True

    event.listen(engine, "do_execute", execute)
    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)


def _watch_connections(pool: CountingPool, limit: int) -> None:
    held = pool.line

    def opened(*_: Any) -> None:
        instruments.POOL_LIMIT.set(counting.role, to=limit)
        instruments.POOL_OPEN.add(counting.role)

    def closed(*_: Any) -> None:
        instruments.POOL_OPEN.add(counting.role, amount=-1)

    def taken(connection: Any, record: Any, _proxy: Any) -> None:
        held.taken(connection, record)
        instruments.POOL_IN_USE.add(counting.role)

    def given_back(_connection: Any, record: Any) -> None:
        held.given_back(record)
        instruments.POOL_IN_USE.add(counting.role, amount=-1)

    event.listen(pool, "connect", opened)
    event.listen(pool, "close", closed)
    event.listen(pool, "close_detached", closed)
    event.listen(pool, "checkout", taken)
    event.listen(pool, "checkin", given_back)
