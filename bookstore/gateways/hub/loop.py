"""All sockets of a process, and who of them is told what."""

import contextlib
import logging
import math
import selectors
import socket
import time
from collections import defaultdict
from collections.abc import Callable

from bookstore import logs
from bookstore.gateways.hub import frames, incoming
from bookstore.gateways.hub.connection import PENDING_LIMIT, PING_SECONDS, Connection, Topic
from bookstore.gateways.hub.frames import Close
from bookstore.gateways.hub.inbox import Call
from bookstore.gateways.hub.thread import SocketThread
from bookstore.gateways.pubsub import Update

log = logging.getLogger("bookstore.sockets")

_READ_BYTES = 16 * 1024
_WHEEL = 64  # seconds ahead that a visit can be planned; more than any interval below
_DEAD_SECONDS, _LINGER_SECONDS = 60, 2


class Hub(SocketThread):
    """Sends updates to who follows their topic; see ``services/tracking.py`` for the protocol.

    Any thread may call it. The callbacks run in the hub's own thread, and must only take note:

    Args:
        on_sync: a client asks whether it missed something.
        on_closed: a connection is gone.
        now: seconds of the clock that connections end by.
    """

    def __init__(
        self,
        on_sync: Callable[[Connection], None],
        on_closed: Callable[[Connection], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(now)
        self._on_sync, self._on_closed = on_sync, on_closed
        # The lock guards these two.
        self._followers: defaultdict[Topic, set[Connection]] = defaultdict(set)
        self._connections: set[Connection] = set()
        self._wheel: list[set[Connection]] = [set() for _ in range(_WHEEL)]
        self.stopping = False
        self.counts = {"sent": 0, "slow": 0, "dead": 0}

    # -- for any thread -------------------------------------------------------------------------
    def follow(self, connection: Connection) -> None:
        """Hold for ``connection`` what comes for its topic from now on, until it is opened."""
        with self._lock:
            self._followers[connection.topic].add(connection)

    def forget(self, connection: Connection) -> None:
        """Take back ``follow`` for a connection that is never opened."""
        self._unfollow(connection)
        self._on_closed(connection)

    def open(
        self, connection: Connection, taken: socket.socket, first: bytes, read_ahead: bytes
    ) -> None:
        """Send ``first``, then what was held and is news, then all that comes."""
        if not self._put(self._open, connection, taken, first, read_ahead):
            taken.close()
            self._on_closed(connection)

    def publish(self, updates: list[Update]) -> None:
        """Send updates to all who follow their topics and have not been told yet."""
        if updates:
            self._put(self._publish, updates)

    def close(self, connection: Connection, code: int) -> None:
        """Close one connection."""
        self._put(self._close, connection, code)

    def stop(self) -> None:
        """Close all connections, telling them to come back; refuse new ones."""
        self.stopping = True
        self._put(self._close_all)

    def join(self, seconds: float) -> None:
        """After ``stop``: wait until all have gone, but no longer than this."""
        self._ending = True
        self._put(lambda: None)
        self._thread.join(seconds)

    def connections(self) -> list[Connection]:
        """Return all that are open."""
        with self._lock:
            return list(self._connections)

    # -- the thread -----------------------------------------------------------------------------
    def _open(
        self, connection: Connection, taken: socket.socket, first: bytes, read_ahead: bytes
    ) -> None:
        connection.sock, held, connection.held = taken, connection.held, None
        connection.opened = connection.heard = self._now()
        with self._lock:
            self._connections.add(connection)
            # The thread has fallen and was started anew since: it knows nothing of this one.
            forgotten = connection not in self._followers.get(connection.topic, ())
        if forgotten:
            self._drop(connection)
            return
        self._selector.register(taken, selectors.EVENT_READ, connection)
        self._send(connection, first)
        for version, frame, event in held or ():
            self._tell(connection, version, frame, event)
        # Spread by descriptor, so that 10,000 who came at once are not pinged at once.
        self._plan(connection, 1 + taken.fileno() % PING_SECONDS[connection.kind])
        if read_ahead:
            self._take_in(connection, read_ahead)
        if self.stopping:
            self._close(connection, Close.RESTART)

    def _publish(self, updates: list[Update]) -> None:
        for update in updates:
            topic = (update.kind, update.id)
            with self._lock:
                following = self._followers.get(topic)
                connections = tuple(following) if following else ()
            if not connections:
                continue
            # Encoded once, whoever gets it.
            version, frame = update.version, frames.frame(update.payload)
            event = frames.event(update.payload, version)
            for connection in connections:
                if connection.held is not None:
                    connection.held.append((version, frame, event))
                else:
                    self._tell(connection, version, frame, event)

    def _tell(self, connection: Connection, version: int, frame: bytes, event: bytes) -> None:
        if connection.closing or not connection.is_news(version):
            return
        connection.note(version, self._now())
        self.counts["sent"] += 1
        self._send(connection, connection.encoded(frame, event))

    def _send(self, connection: Connection, data: bytes) -> None:
        waited = connection.backlog is not None
        try:
            connection.put(data)
        except OSError:
            self._drop(connection)
            return
        if connection.backlog is None:
            return
        if not waited:
            self._watch_again(connection)
        if connection.pending > PENDING_LIMIT and not connection.closing:
            self.counts["slow"] += 1
            connection.cut_backlog()  # it gets the rest when it comes back
            self._close(connection, Close.TRY_LATER)

    def _watch_again(self, connection: Connection) -> None:
        if connection.sock is not None:
            self._watch(connection.sock, connection)

    def _serve(self, connection: Connection, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush(connection)
        if mask & selectors.EVENT_READ and connection.sock is not None:
            try:
                data = connection.sock.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                self._take_in(connection, data)
            else:
                self._drop(connection)

    def _flush(self, connection: Connection) -> None:
        try:
            connection.flush()
        except OSError:
            self._drop(connection)
            return
        if connection.backlog is None:
            self._watch_again(connection)
            if connection.closing:
                connection.shut()

    def _take_in(self, connection: Connection, data: bytes) -> None:
        if connection.kind == "events" or connection.sock is None:
            return  # nothing that a client of a stream sends means anything
        heard = incoming.read(connection, data, self._now())
        if heard.answer:
            self._send(connection, heard.answer)
        if heard.over:
            self._drop(connection)
        elif heard.close is not None:
            self._close(connection, heard.close)
        elif heard.sync:
            self._on_sync(connection)

    def _close(self, connection: Connection, code: int) -> None:
        if connection.sock is None or connection.closing:
            return
        self._unfollow(connection)
        connection.closing, connection.code = True, code
        connection.expires = self._now() + _LINGER_SECONDS
        self._plan(connection, _LINGER_SECONDS)
        self._send(connection, connection.farewell(code))
        if connection.backlog is None:
            connection.shut()

    def _close_all(self) -> None:
        for connection in self.connections():
            self._guarded(self._close, connection, Close.RESTART)

    def _drop(self, connection: Connection) -> None:
        taken, connection.sock = connection.sock, None
        if taken is None:
            return
        self._unfollow(connection)
        with self._lock:
            self._connections.discard(connection)
        self._unwatch(taken)
        with contextlib.suppress(OSError):
            taken.close()
        connection.backlog = None
        logs.request_id.set(connection.request_id)
        seconds = round(self._now() - connection.opened, 1)
        log.info(
            "closed %s",
            connection.path,
            extra={"code": connection.code, "seconds": seconds, "bytes": connection.sent},
        )
        self._on_closed(connection)

    def _idle(self) -> bool:
        return not self._connections

    def _abandon(self, calls: list[Call]) -> None:
        for function, arguments in calls:
            if function == self._open:
                connection, taken, *_ = arguments
                taken.close()
                self._guarded(self._on_closed, connection)
        for connection in self.connections():
            self._guarded(self._part, connection)
        with self._lock:
            self._followers.clear()
        self._wheel = [set() for _ in range(_WHEEL)]

    def _part(self, connection: Connection) -> None:
        if not connection.closing and connection.backlog is None:
            connection.code = Close.RESTART
            with contextlib.suppress(OSError):
                connection.put(connection.farewell(Close.RESTART))
        self._drop(connection)

    def _unfollow(self, connection: Connection) -> None:
        with self._lock:
            following = self._followers.get(connection.topic)
            if following is not None:
                following.discard(connection)
                if not following:
                    del self._followers[connection.topic]

    # -- time -----------------------------------------------------------------------------------
    def _plan(self, connection: Connection, seconds: int) -> None:
        left = math.ceil(connection.expires - self._now())
        ahead = max(1, min(seconds, left))
        self._wheel[(self._second + ahead) % _WHEEL].add(connection)

    def _tick(self, second: int) -> None:
        due, self._wheel[second % _WHEEL] = self._wheel[second % _WHEEL], set()
        for connection in due:
            self._guarded(self._visit, connection)

    def _visit(self, connection: Connection) -> None:
        if connection.sock is None:
            return
        now = self._now()
        if connection.closing:
            # Said goodbye; who has not gone by now is not coming back for the rest.
            if now >= connection.expires:
                self._drop(connection)
            else:
                self._plan(connection, _LINGER_SECONDS)
        elif now >= connection.expires:
            self._close(connection, Close.EXPIRED)
        elif connection.kind == "websocket" and now - connection.heard > _DEAD_SECONDS:
            self.counts["dead"] += 1
            self._drop(connection)
        else:
            self._plan(connection, PING_SECONDS[connection.kind])
            self._send(connection, connection.ping)
