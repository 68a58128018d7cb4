"""A real HTTP server in this process, for fakes of outside services, with faults on order."""

import json
import socket
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Answer = tuple[int, Any, dict[str, str]]


class FakeServer:
    """Answers GETs and POSTs with ``answer``; a context manager.

    ``faults`` are used up one a request, before (or, with ``drop_after``, behind) the real work:
    an ``Answer``, ``"drop"``: the connection is closed without one; ``"drop_after"``: the same,
    but the work was done; ``"hang"``: no answer until the server stops.
    """

    def __init__(self) -> None:
        self.faults: deque[Answer | str] = deque()
        self.requests = 0
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def answer(self, path: str, headers: Any, body: bytes) -> Answer:
        """Return (status, JSON, headers); called under a lock."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._post))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _post(self, path: str, headers: Any, body: bytes) -> Answer | None:
        with self._lock:
            self.requests += 1
            fault = self.faults.popleft() if self.faults else None
            if isinstance(fault, tuple):
                return fault
            if fault in {None, "drop_after"}:
                answer = self.answer(path, headers, body)
                return None if fault else answer
        if fault == "hang":
            self._stopped.wait(60)
        return None


def _handler(
    post: Callable[[str, Any, bytes], Answer | None],
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = post(self.path, self.headers, body)
            if answer is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, told, headers = answer
            raw = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
