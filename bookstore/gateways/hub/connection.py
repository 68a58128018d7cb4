"""One client's socket: what waits to be sent to it, and what it has been told already."""

import contextlib
import socket
from collections import deque
from typing import Literal

from wsproto.connection import Connection as Protocol, ConnectionType

from bookstore.gateways.hub import frames

Topic = tuple[str, int]
"""(``order``, ``job`` or ``user``, its id)."""

Kind = Literal["websocket", "events"]

PENDING_LIMIT = 512 * 1024
MESSAGE_LIMIT = 8 * 1024
PING_SECONDS = {"websocket": 25, "events": 20}
# A notification that was told is found again by the comparison for three minutes at most.
_REMEMBERED, _REMEMBER_SECONDS = 500, 300
# A client has next to nothing to say: so many frames a second on end, so many at once.
_RATE, _BURST = 10.0, 50.0


class Connection:
    """A follower of one topic. Once it is open, only the hub's own thread touches it."""

    __slots__ = (
        "allowance",
        "backlog",
        "closing",
        "code",
        "expires",
        "heard",
        "held",
        "incoming",
        "kind",
        "member",
        "opened",
        "path",
        "pending",
        "protocol",
        "request_id",
        "seen",
        "sent",
        "session_id",
        "sock",
        "staff",
        "topic",
        "user_id",
        "version",
    )

    def __init__(
        self,
        kind: Kind,
        topic: Topic,
        *,
        user_id: int,
        session_id: str,
        staff: bool,
        expires: float,
        member: str,
        path: str,
        request_id: str,
    ) -> None:
        self.kind, self.topic, self.path, self.request_id = kind, topic, path, request_id
        self.user_id, self.session_id, self.staff = user_id, session_id, staff
        # Instants of the monotonic clock: when it has to end, was opened, was last heard of.
        self.expires, self.opened, self.heard = expires, 0.0, 0.0
        self.member = member  # its place among the user's sockets, see gateways/presence.py
        self.sock: socket.socket | None = None
        # What came before it was open: it is buffering while its snapshot is read.
        self.held: list[tuple[int, bytes, bytes]] | None = []
        self.version = 0
        # Topic user: ids told, oldest first, and when. They are not sorted by commit, so no mark
        # will do.
        self.seen: dict[int, float] = {}
        self.backlog: deque[memoryview | bytes] | None = None
        self.pending = 0
        self.sent = 0
        self.closing, self.code = False, int(frames.Close.ABNORMAL)
        self.protocol: Protocol | None = None
        self.incoming: list[str] | None = None
        self.allowance = _BURST

    def is_news(self, version: int) -> bool:
        """Whether this version (of the thing) or id (of a notification) was not told yet."""
        return version not in self.seen if self.topic[0] == "user" else version > self.version

    def note(self, version: int, now: float) -> None:
        """Remember that it was told."""
        if self.topic[0] == "user":
            self.seen[version] = now
            while len(self.seen) > _REMEMBERED:
                oldest = next(iter(self.seen))
                if now - self.seen[oldest] < _REMEMBER_SECONDS:
                    break
                del self.seen[oldest]
        else:
            self.version = version

    def put(self, data: bytes) -> None:
        """Send, or keep for later what the client does not take now; never wait for it.

        Raises:
            OSError: the line is cut.
        """
        if self.sock is None:
            return
        if self.backlog is not None:
            self.backlog.append(data)
            self.pending += len(data)
            return
        try:
            done = self.sock.send(data)
        except BlockingIOError:
            done = 0
        self.sent += done
        if done < len(data):
            self.backlog = deque([memoryview(data)[done:]])
            self.pending = len(data) - done

    def flush(self) -> None:
        """Send what was kept, as far as the client takes it; OSError as ``put``."""
        while self.backlog and self.sock is not None:
            try:
                done = self.sock.send(self.backlog[0])
            except BlockingIOError:
                return
            self.sent += done
            self.pending -= done
            if done < len(self.backlog[0]):
                self.backlog[0] = memoryview(self.backlog[0])[done:]
                return
            self.backlog.popleft()
        self.backlog = None

    def cut_backlog(self) -> None:
        """Keep only what the client has a part of already; more would not be a whole message."""
        while self.backlog and len(self.backlog) > 1:
            self.pending -= len(self.backlog.pop())

    def shut(self) -> None:
        """Close our half: closing all at once would throw away what the client has not read."""
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)

    def may_speak(self, now: float) -> bool:
        """Whether a frame that came now is within what a client may send."""
        self.allowance = min(_BURST, self.allowance + (now - self.heard) * _RATE) - 1
        self.heard = now
        return self.allowance >= 0

    def parser(self) -> Protocol:
        """Return the WebSocket protocol's state, made when the client first says something."""
        if self.protocol is None:
            self.protocol = Protocol(ConnectionType.SERVER)
        return self.protocol

    def encoded(self, frame: bytes, event: bytes) -> bytes:
        """Return the one of the two that this client understands."""
        return frame if self.kind == "websocket" else event

    @property
    def ping(self) -> bytes:
        """What keeps proxies from closing an idle line."""
        return self.encoded(frames.PING_FRAME, frames.COMMENT)

    def farewell(self, code: int) -> bytes:
        """Return what is said before closing."""
        if self.kind == "events":
            return frames.close_event(code)
        return frames.close_frame(code)
