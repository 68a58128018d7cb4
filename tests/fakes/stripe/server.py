"""HTTP: requests to the API, and those of tests."""

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.fakes.stripe import control
from tests.fakes.stripe.api import Answer

if TYPE_CHECKING:
    from tests.fakes.stripe.fake import FakeStripe


class Server(ThreadingHTTPServer):
    """Listens for a fake."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, fake: "FakeStripe", port: int) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, *_: Any) -> None:
        """Clients that go away are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._reply(b"")

    def do_POST(self) -> None:
        self._reply(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def do_DELETE(self) -> None:
        self._reply(b"")

    def _reply(self, body: bytes) -> None:
        fake = self.server.fake
        answer: Answer
        if self.path.startswith("/_test/"):
            answer = control.answer(fake, self.command, self.path, body)
        else:
            answer = fake.api.answer(self.command, self.path, self.headers, body)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, raw, headers = answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
