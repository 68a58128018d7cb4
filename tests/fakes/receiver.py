"""A stranger's HTTP server, for webhooks and files: it behaves as one likes, path by path."""

import contextlib
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    """One request. Header names are in lower case; ``connection`` numbers connections from 1."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


Mode = Callable[["Handler"], None]


def status(code: int, body: bytes = b"thanks", **headers: str) -> Mode:
    """Answer with this status."""

    def answer(handler: "Handler") -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang(handler: "Handler") -> None:
    """Answer nothing until the receiver is let go (``release``) or closed; then 200."""
    handler.server.owner.let_go.wait(60)
    status(200)(handler)


def drip(handler: "Handler") -> None:
    """Send one byte of a header after the other, without end."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    with contextlib.suppress(OSError):
        while not handler.server.owner.closing.wait(0.02):
            handler.wfile.write(b"a")


def huge(handler: "Handler") -> None:
    """Answer 200 with a body that has no end."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b"x" * 65536)


def raw(answer: bytes) -> Mode:
    """Send these bytes and close."""

    def send(handler: "Handler") -> None:
        handler.close_connection = True
        handler.wfile.write(answer)

    return send


def reset(handler: "Handler") -> None:
    """Reset the connection."""
    handler.close_connection = True
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def close_after(mode: Mode) -> Mode:
    """Answer as if the connection were kept, then close it."""

    def answer(handler: "Handler") -> None:
        mode(handler)
        handler.close_connection = True

    return answer


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def setup(self) -> None:
        """Number the connection."""
        super().setup()
        with self.server.owner.lock:
            self.server.owner.connections += 1
            self.number = self.server.owner.connections

    def do_POST(self) -> None:
        """Note the request, then behave."""
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with owner.lock:
            owner.received.append(Received(self.path, headers, body, self.number))
            owner.open[self.path] += 1
            owner.most_open[self.path] = max(owner.most_open[self.path], owner.open[self.path])
        try:
            owner.modes.get(self.path, owner.mode)(self)
        finally:
            with owner.lock:
                owner.open[self.path] -= 1

    def do_GET(self) -> None:
        """As a POST without a body."""
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Receiver:
    """The server; ``modes`` maps paths to behaviour, ``mode`` is for all others."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.lock = threading.Lock()
        self.let_go, self.closing = threading.Event(), threading.Event()
        self.received: list[Received] = []
        self.mode: Mode = status(200)
        self.modes: dict[str, Mode] = {}
        self.connections = 0
        # Requests under way, now and at most, by path.
        self.open: Counter[str] = Counter()
        self.most_open: Counter[str] = Counter()
        self.tls = tls
        self.server = _Server(("127.0.0.1", 0), Handler)
        self.server.owner = self
        if tls is not None:
            self.server.socket = tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.server.server_port}"

    def of(self, path: str) -> list[Received]:
        """Return what came in on a path."""
        with self.lock:
            return [one for one in self.received if one.path == path]

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    owner: Receiver

    def handle_error(self, *_: Any) -> None:
        """Clients that go away are what some tests are about."""
