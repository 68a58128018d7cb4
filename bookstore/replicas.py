"""Replicas of the database, and up to which moment each is known to have everything.

A thread asks the primary once a second how far its log (WAL) has come, and each replica how far it
has replayed that. A replica that has come to where the primary was at a moment has everything that
was committed before: so its lag is known in seconds, exactly, also while nothing is written or the
replica is cut off from the primary, which its own clock does not tell. Nothing is asked of a
request: whoever reads compares two numbers.
"""

import contextlib
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

import psycopg
from flask import current_app
from psycopg.pq import ExecStatus
from sqlalchemy import Engine

from bookstore import instruments
from bookstore.instruments import counting

log = logging.getLogger("bookstore.replicas")

EXTENSION = "bookstore_replicas"
EVERY_SECONDS = 1.0
# So long a server may take to answer what costs it nothing.
ANSWER_SECONDS = 1.5
UNKNOWN, OK, UNREACHABLE, NO_REPLICA = "unknown", "ok", "unreachable", "not a replica"
# Moments of the primary's log: a lag of more than these is not told exactly.
_MOMENTS = 600
_TRIES = 5
_PAGE, _HEADER = 8192, 24

_PRIMARY_AT = b"SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
# A replica that became a primary still says how far it had replayed.
_REPLICA_AT = (
    b"SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0'::pg_lsn END"
)


class _Asker:
    """A connection of its own to one server, on which one number is asked for.

    By libpq's calls that do not wait: psycopg's own wait for an answer as long as it takes.
    """

    def __init__(self, engine: Engine, question: bytes) -> None:
        self._engine, self._question = engine, question
        self._connection: psycopg.Connection[Any] | None = None

    def ask(self) -> int | None:
        """Return the number, or None where there is none.

        Raises:
            psycopg.Error, OSError, TimeoutError: no answer.
        """
        try:
            return self._ask()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        held, self._connection = self._connection, None
        if held is not None:
            held.close()

    def _ask(self) -> int | None:
        if self._connection is None:
            _, options = self._engine.dialect.create_connect_args(self._engine.url)
            # The least there is; an answer is waited for more exactly.
            self._connection = psycopg.connect(**options, connect_timeout=2, autocommit=True)
        pg = self._connection.pgconn
        until = time.monotonic() + ANSWER_SECONDS
        pg.send_query(self._question)
        poll = select.poll()
        poll.register(pg.socket, select.POLLIN)
        found: int | None = None
        while True:
            while pg.is_busy():
                if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                    raise TimeoutError("no answer")
                pg.consume_input()
            result = pg.get_result()
            if result is None:
                return found
            if result.status != ExecStatus.TUPLES_OK:
                raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
            value = result.get_value(0, 0)
            found = None if value is None else int(value)


class Replica:
    """One replica, named by its number; all commits before ``has`` (monotonic clock) are in it."""

    def __init__(self, name: str, engine: Engine) -> None:
        self.name, self.engine = name, engine
        self.state = UNKNOWN
        self.has = float("-inf")
        # As ``has``, but not forgotten while it is away.
        self.had = float("-inf")
        self.asker = _Asker(engine, _REPLICA_AT)

    def gone(self, state: str) -> None:
        """Know nothing of it any more."""
        self.state, self.has = state, float("-inf")


class Replicas:
    """The replicas of one app's database.

    Args:
        primary: what they follow.
        engines: theirs.
        lag: how many seconds behind is too much.
        cut: ends what an engine has waited for longer than so many seconds.
    """

    def __init__(
        self,
        primary: Engine,
        engines: Sequence[Engine],
        lag: float,
        cut: Callable[[Engine, float], object],
    ) -> None:
        self.lag = lag
        self.all = [Replica(str(number), engine) for number, engine in enumerate(engines, 1)]
        self._primary, self._cut = _Asker(primary, _PRIMARY_AT), cut
        self._moments: deque[tuple[float, int]] = deque(maxlen=_MOMENTS)
        self._turn = 0
        self._starting = threading.Lock()
        self._looking = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = 0

    def horizon(self) -> float:
        """Return the moment before which a replica must have everything to be read from."""
        return time.monotonic() - self.lag

    def choose(self, since: float) -> Engine | None:
        """Return a replica that has all that was committed before ``since``, in turn; or None.

        Never waits. Looking at them begins with the first call.
        """
        self._start()
        least = max(since, self.horizon())
        good = [one for one in self.all if one.state == OK and one.has >= least]
        if not good:
            return None
        self._turn += 1
        return good[self._turn % len(good)].engine

    def failed(self, engine: Engine, why: str) -> None:
        """Read no more from a replica that broke off or did not answer, until it does again."""
        for one in self.all:
            if one.engine is engine and one.state == OK:
                one.gone(UNREACHABLE)
                self._log("a replica broke off", one, why)

    def states(self) -> dict[str, str]:
        """Return "ok" or what is wrong, of each, by its number."""
        self._start()
        return {one.name: self._told(one) for one in self.all}

    def look(self) -> None:
        """Ask all servers how far they are; takes some seconds at most, whatever hangs."""
        with self._looking:
            self._look()

    def settle(self) -> None:
        """Look until one can be read from, a few times: for a process that has just begun."""
        for _ in range(_TRIES):
            self.look()
            if self.choose(self.horizon()) is not None:
                return
            self._over.wait(EVERY_SECONDS / _TRIES)

    def stop(self) -> None:
        """Stop looking; returns when that is so."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._process == os.getpid():
            return
        with self._starting:
            if self._process == os.getpid():
                return
            # A child of a process that looked has no such thread, and leaves its sockets alone.
            self._over = threading.Event()
            self._thread = threading.Thread(target=self._run, name="replicas", daemon=True)
            self._thread.start()
            self._process = os.getpid()

    def _run(self) -> None:
        over = self._over
        while not over.is_set():
            try:
                self.look()
            except Exception:
                log.exception("cannot look at the replicas")
            over.wait(EVERY_SECONDS)
        for asker in (self._primary, *(one.asker for one in self.all)):
            asker.close()

    def _look(self) -> None:
        began = time.monotonic()
        # Unanswered there is no new moment, and the replicas fall behind the clock by themselves.
        with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
            at = self._primary.ask()
            if at is not None:
                # Between two pages the one counts the header of the next, the other does not.
                self._moments.append((began, at - _HEADER if at % _PAGE == _HEADER else at))
        for one in self.all:
            self._look_at(one)
            instruments.REPLICA_LAG.set(counting.role, one.name, to=round(_behind(one.had), 3))

    def _look_at(self, one: Replica) -> None:
        try:
            at = one.asker.ask()
        except (psycopg.Error, OSError, TimeoutError) as error:
            if one.state != UNREACHABLE:
                self._log("a replica does not answer", one, str(error))
            one.gone(UNREACHABLE)
            # Those who wait for one that hangs see the connection broken, and ask the primary.
            self._cut(one.engine, ANSWER_SECONDS)
            return
        if at is None:
            one.gone(NO_REPLICA)
            return
        if one.state == UNREACHABLE:
            # What is left of its connections are those that broke.
            one.engine.dispose()
        had = [moment for moment, primary_at in self._moments if primary_at <= at]
        one.has = one.had = max(had, default=float("-inf"))
        one.state = OK

    @staticmethod
    def _log(what: str, one: Replica, why: str) -> None:
        # Each process finds out for itself; ``services.watching`` says it once a machine.
        log.info(what, extra={"replica": one.name, "host": one.engine.url.host, "why": why})

    def _told(self, one: Replica) -> str:
        if one.state != OK or one.has >= self.horizon():
            return one.state
        return f"more than {round(_behind(one.has))} s behind"


def _behind(moment: float) -> float:
    return min(time.monotonic() - moment, float(_MOMENTS))


def current() -> Replicas | None:
    """Return the current app's; None when it has none."""
    return cast("Replicas | None", current_app.extensions.get(EXTENSION))
