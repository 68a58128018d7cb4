"""The thread that asks the database on behalf of all sockets of a process."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, TypeVar

import redis
from sqlalchemy.exc import SQLAlchemyError

from bookstore import clock, jitter
from bookstore.gateways.hub import Close, Connection, Hub
from bookstore.gateways.presence import LEASE_SECONDS, Presence
from bookstore.services import job_views, live

log = logging.getLogger(__name__)

EVERY_SECONDS, JITTER = 15.0, 0.2
# Between two rounds, so that clients who ask all the time cost a few small queries a second.
PAUSE_SECONDS = 0.25
RENEW_SECONDS = 15.0
# A notification has its time before its commit; none takes longer than this to be committed.
LATE = timedelta(seconds=120)
_CHUNK = 500
T = TypeVar("T")


class Resync:
    """Compares what sockets were told with the database; ends those of ended logins."""

    def __init__(
        self,
        hub: Hub,
        presence: Presence,
        context: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._hub, self._presence, self._context = hub, presence, context
        self._wake = threading.Event()
        self._all = False
        self._asked: set[Connection] = set()
        self._doubted: set[int] = set()
        self._left: deque[tuple[float, int, str]] = deque()
        self._since = clock.now() - LATE
        self._rounds = 0
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="resync", daemon=True)

    # -- for any thread -------------------------------------------------------------------------
    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def all_soon(self) -> None:
        """Everybody may have missed something."""
        self._all = True
        self._wake.set()

    def soon(self, connection: Connection) -> None:
        """This one may have missed something."""
        self._asked.add(connection)
        self._wake.set()

    def logins_soon(self, user_ids: set[int]) -> None:
        """Logins or rights of these users may have ended."""
        if user_ids:
            self._doubted |= user_ids
            self._wake.set()

    def left(self, user_id: int, member: str) -> None:
        """A socket is gone; give its place back."""
        self._left.append((time.monotonic(), user_id, member))
        self._wake.set()

    def finish(self) -> None:
        """Give all places back and end the thread."""
        self._ended = True
        self._wake.set()
        self._thread.join(2)

    def stats(self) -> dict[str, int]:
        """Return the figures of the hub, and how many rounds there were."""
        return {"open": len(self._hub.connections()), **self._hub.counts, "resyncs": self._rounds}

    # -- the thread -----------------------------------------------------------------------------
    def _run(self) -> None:
        next_round = time.monotonic() + EVERY_SECONDS
        next_renewal, earliest = time.monotonic() + RENEW_SECONDS, 0.0
        while not self._ended:
            self._wake.wait(max(0.0, min(next_round, next_renewal) - time.monotonic()))
            self._wake.clear()
            self._guarded(self._give_back)
            now = time.monotonic()
            if now >= next_renewal:
                next_renewal = now + RENEW_SECONDS
                self._guarded(self._renew)
            if self._doubted:
                self._guarded(self._compare_doubted)
            if now < earliest:
                if self._all or self._asked:
                    time.sleep(earliest - now)
                    self._wake.set()
                continue
            everybody = self._all or now >= next_round
            if everybody:
                self._all = False
                next_round = now + jitter.spread(EVERY_SECONDS, JITTER)
                self._asked.clear()
                self._guarded(self._round, self._hub.connections(), everybody)
            elif self._asked:
                self._guarded(self._round, [self._asked.pop() for _ in range(len(self._asked))])
            else:
                continue
            earliest = time.monotonic() + PAUSE_SECONDS
        self._guarded(self._give_back)
        self._guarded(self._presence.report, None)

    def _guarded(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            with self._context():
                function(*arguments)
        except redis.RedisError:
            log.debug("Redis is away")
        except SQLAlchemyError as error:
            log.warning("live updates not compared", extra={"why": type(error).__name__})
        except Exception:
            log.exception("live updates not compared")

    def _give_back(self) -> None:
        oldest = time.monotonic() - LEASE_SECONDS  # who left before that has no lease any more
        gone = [self._left.popleft() for _ in range(len(self._left))]
        gone = [place for place in gone if place[0] > oldest]
        if not gone:
            return
        try:
            self._presence.leave([(user_id, member) for _, user_id, member in gone])
        except redis.RedisError:
            self._left.extendleft(reversed(gone))
            raise

    def _renew(self) -> None:
        present = [(c.user_id, c.member) for c in self._hub.connections()]
        self._presence.renew(present)
        self._presence.report(self.stats())

    def _round(self, connections: list[Connection], everybody: bool = False) -> None:
        started = clock.now()
        self._rounds += 1
        for kind, states in (("order", live.states), (job_views.TOPIC, job_views.states)):
            for chunk in _chunks({c.topic[1] for c in connections if c.topic[0] == kind}):
                self._hub.publish(states(chunk))
        users = {c.topic[1] for c in connections if c.topic[0] == "user"}
        for user_chunk in _chunks(users):
            for page in live.notifications_since(user_chunk, self._since):
                self._hub.publish(page)
        if not everybody:
            return
        self._since = started - LATE
        self._compare_logins(connections)

    def _compare_doubted(self) -> None:
        users = {self._doubted.pop() for _ in range(len(self._doubted))}
        found = [one for one in self._hub.connections() if one.user_id in users]
        if found:
            self._compare_logins(found)

    def _compare_logins(self, connections: list[Connection]) -> None:
        standing: dict[str, bool] = {}
        for session_chunk in _chunks({c.session_id for c in connections}):
            standing |= live.logins(session_chunk)
        for connection in connections:
            staff = standing.get(connection.session_id)
            if staff is None:
                self._hub.close(connection, Close.EXPIRED)
            elif connection.staff and not staff:
                self._hub.close(connection, Close.FORBIDDEN)


def _chunks(values: set[T]) -> Iterator[list[T]]:
    listed = list(values)
    for start in range(0, len(listed), _CHUNK):
        yield listed[start : start + _CHUNK]
