"""A small HTTP/1.1 client that keeps several connections busy from one thread.

It costs the machine little, so that it can stand beside what it measures: requests are ready
bytes, and an answer is only looked through for its status, its length and one thing that it
must hold.
"""

import itertools
import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

SECONDS_TO_ANSWER = 60

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)

_OVER = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)


class WrongAnswer(Exception):
    """The server answered something else than was expected, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as plain parts."""

    path: str
    method: str = "GET"
    token: str | None = None
    body: bytes = b""
    more: tuple[tuple[str, str], ...] = ()  # headers

    def headers(self) -> dict[str, str]:
        """Return the headers by name."""
        found = {"Host": "localhost", "Accept": "application/json", "User-Agent": "benchmarks"}
        if self.token:
            found["Authorization"] = f"Bearer {self.token}"
        found |= self.more
        if self.body:
            found |= {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        return found

    def encoded(self) -> bytes:
        """Return the bytes that go over the wire."""
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers().items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(slots=True)
class _Connection:
    """A connection with one request under way; ``ends`` is the answer's length once known.

    ``is_over`` is said by the server: it closes behind this answer, and another is to be opened.
    """

    socket: socket.socket
    sent: bytes = b""
    is_over: bool = False
    answer: bytearray = field(default_factory=bytearray)
    ends: int | None = None


class Client:
    """Several keep-alive connections to one server; a context manager.

    Every answer must have ``status`` (None: whichever) and contain ``holds``. ``statuses`` counts
    what came.
    """

    def __init__(
        self,
        address: tuple[str, int],
        connections: int,
        status: int | None = 200,
        holds: bytes = b"",
    ) -> None:
        self._status = b"HTTP/1.1 " if status is None else b"HTTP/1.1 %d " % status
        self._holds, self._address = holds, address
        self.statuses: Counter[int] = Counter()
        self._selector = selectors.DefaultSelector()
        self._connections = [_Connection(self._connected()) for _ in range(connections)]
        for connection in self._connections:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for connection in self._connections:
            connection.socket.close()

    def run(
        self, requests: Iterator[bytes], *, count: int | None = None, seconds: float = 3600
    ) -> tuple[int, float]:
        """Send requests until there are no more, or ``count`` are sent, or time is up.

        Returns:
            how many were answered (all that were sent), and in how many seconds.

        Raises:
            WrongAnswer: an answer is not what was expected.
        """
        requests = itertools.islice(requests, count)
        answered = 0
        started = time.perf_counter()
        until = started + seconds
        busy = sum(self._send(connection, requests) for connection in self._connections)
        while busy:
            ready = self._selector.select(SECONDS_TO_ANSWER)
            if not ready:
                raise WrongAnswer(f"no answer within {SECONDS_TO_ANSWER} s")
            over = time.perf_counter() >= until
            for key, _ in ready:
                if self._receive(key.data):
                    answered += 1
                    busy -= over or not self._send(key.data, requests)
        return answered, time.perf_counter() - started

    def _send(self, connection: _Connection, requests: Iterator[bytes]) -> bool:
        request = next(requests, None)
        if request is None:
            return False
        if connection.is_over:
            connection.socket, connection.is_over = self._connected(), False
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.sent, connection.answer, connection.ends = request, bytearray(), None
        connection.socket.sendall(request)
        return True

    def _connected(self) -> socket.socket:
        made = socket.create_connection(self._address, SECONDS_TO_ANSWER)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _receive(self, connection: _Connection) -> bool:
        """Read what has come; return whether the answer is complete."""
        try:
            part = connection.socket.recv(262_144)
        except ConnectionError as error:
            raise WrongAnswer(f"{_shown(connection.sent)}\nconnection lost: {error}") from None
        if not part:
            raise WrongAnswer(f"{_shown(connection.sent)}\nthe server closed the connection")
        answer = connection.answer
        answer += part
        if connection.ends is None:
            head = answer.find(b"\r\n\r\n")
            if head < 0:
                return False
            length = _LENGTH.search(answer, 0, head + 2)
            has_body = not answer.startswith(b"HTTP/1.1 304")
            if length is None and has_body:
                raise WrongAnswer(f"{_shown(connection.sent)}\nno length: {_shown(answer)}")
            connection.is_over = _OVER.search(answer, 0, head + 2) is not None
            connection.ends = head + 4 + (int(length[1]) if length and has_body else 0)
        if len(answer) < connection.ends:
            return False
        if not (answer.startswith(self._status) and self._holds in answer):
            raise WrongAnswer(f"{_shown(connection.sent)}\nwas answered with\n{_shown(answer)}")
        self.statuses[int(answer[9:12])] += 1
        if connection.is_over:
            self._selector.unregister(connection.socket)
            connection.socket.close()
        return True


def _shown(message: bytes | bytearray) -> str:
    text = message[:3000].decode(errors="replace")
    return re.sub(r"(?m)^(Authorization: Bearer .{12}).*$", r"\1…", text)
