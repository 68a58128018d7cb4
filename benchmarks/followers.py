"""Many WebSocket clients in one process and one thread, for ``benchmarks.sockets``."""

import base64
import contextlib
import resource
import selectors
import socket
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

import orjson

_KEY = base64.b64encode(b"0123456789abcdef").decode()
AT_ONCE = 16
Arrival = tuple[int, int, float]
"""(order, version, instant of the monotonic clock)."""


def raise_limit() -> None:
    """Allow as many descriptors as this machine does; server and clients need one a socket."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Client:
    __slots__ = ("buffer", "line", "open")

    def __init__(self, address: tuple[str, int], order_id: int, token: str) -> None:
        self.line = socket.create_connection(address, 60)
        self.line.sendall(
            f"GET /ws/orders/{order_id} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {_KEY}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        self.line.setblocking(False)
        self.buffer, self.open = b"", False

    def messages(self) -> list[bytes]:
        """Take in what is there; return whole text messages."""
        piece = self.line.recv(65536)
        if not piece:
            raise RuntimeError(f"the server closed a socket: {self.buffer[:300]!r}")
        self.buffer += piece
        if not self.open:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return []
            if b" 101 " not in head:
                raise RuntimeError(f"not upgraded: {self.buffer[:600]!r}")
            self.open, self.buffer = True, rest
        found = []
        while len(self.buffer) >= 2:
            size, start = self.buffer[1], 2
            if size == 126:
                size, start = int.from_bytes(self.buffer[2:4], "big"), 4
            if len(self.buffer) < start + size or (start == 4 and len(self.buffer) < 4):
                break
            if self.buffer[0] == 0x81:
                found.append(self.buffer[start : start + size])
            elif self.buffer[0] == 0x89:
                self.line.sendall(b"\x8a\x80\0\0\0\0")
            self.buffer = self.buffer[start + size :]
        return found


def run(pipe: Connection, address: tuple[str, int], wanted: Sequence[tuple[int, str]]) -> None:
    """Connect one client for each (order, token) and say so; then report arrivals on demand.

    A number that comes by the pipe is how many arrivals to wait for; the answer is their list.
    None ends it.
    """
    raise_limit()
    selector = selectors.DefaultSelector()
    left, waiting = list(wanted), 0
    while left or waiting:
        while left and waiting < AT_ONCE:
            order_id, token = left.pop()
            client = _Client(address, order_id, token)
            selector.register(client.line, selectors.EVENT_READ, client)
            waiting += 1
        for key, _ in selector.select(60):
            waiting -= len(key.data.messages())  # its first message is the state
    pipe.send(len(wanted))
    while (count := pipe.recv()) is not None:
        raw: list[tuple[bytes, float]] = []
        until = time.monotonic() + 60
        while len(raw) < count and time.monotonic() < until:
            for key, _ in selector.select(1):
                for message in key.data.messages():
                    raw.append((message, time.perf_counter()))
        arrivals: list[Arrival] = []
        for message, at in raw:
            change = orjson.loads(message)["update"]
            arrivals.append((change["order_id"], change["version"], at))
        pipe.send(arrivals)
