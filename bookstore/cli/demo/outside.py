"""The world outside the shop, as the demo needs it: a webhook receiver and a live socket."""

import email
import email.policy
import hmac
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import click
import orjson
from simple_websocket import Client, ConnectionClosed, ConnectionError as NotConnected

from bookstore.services import webhook_signing

PATIENCE = 20.0  # seconds for what comes by itself


class Receiver:
    """Somebody who takes the shop's webhooks, and checks that they are the shop's."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        server = self
        self._news = threading.Condition()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Keep the delivery and say thanks."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server._take(dict(self.headers.items()), body)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Be quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_port}/hooks"

    def _take(self, headers: dict[str, str], body: bytes) -> None:
        with self._news:
            self.taken.append(({k.lower(): v for k, v in headers.items()}, body))
            self._news.notify_all()

    def wait_for(self, event_type: str, secret: str) -> dict[str, Any]:
        """Return the envelope of that type once it has come, its signatures verified.

        Raises:
            click.ClickException: it does not come, or somebody else signed it.
        """

        def found() -> tuple[dict[str, str], bytes] | None:
            return next((t for t in self.taken if t[0]["x-webhook-event"] == event_type), None)

        with self._news:
            self._news.wait_for(lambda: found() is not None, PATIENCE)
        delivery = found()
        if delivery is None:
            raise click.ClickException(
                f"no webhook {event_type} within {PATIENCE:.0f} s: does a worker run?"
            )
        headers, body = delivery
        expected = webhook_signing.headers(
            [secret], headers["webhook-id"], int(headers["webhook-timestamp"]), event_type, body
        )
        for name in ("webhook-signature", "X-Webhook-Signature"):
            if not hmac.compare_digest(expected[name], headers[name.lower()]):
                raise click.ClickException(f"the {name} of {event_type} is not the shop's")
        envelope: dict[str, Any] = orjson.loads(body)
        return envelope


class _Client(Client):
    def handshake(self) -> None:
        """Shake hands, and take what came in the same segment: the state, more often than not.

        The library's own would leave it lying until more comes, which may be never.
        """
        super().handshake()
        self.connected = self._handle_events()


class Socket:
    """A live connection that collects what it is told.

    Raises:
        click.ClickException: it is refused.
    """

    def __init__(self, url: str, token: dict[str, str]) -> None:
        address = url.replace("http", "ws", 1)
        try:
            self._client = _Client(
                address, headers=token, thread_class=partial(threading.Thread, daemon=True)
            )
        except (NotConnected, OSError) as error:
            raise click.ClickException(f"no live socket at {address}: {error}") from None
        self.messages: list[dict[str, Any]] = []

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Return once a message has come that is wanted.

        Raises:
            click.ClickException: none comes, or the shop hangs up.
        """
        deadline = time.monotonic() + PATIENCE
        while not any(map(wanted, self.messages)):
            try:
                text = self._client.receive(timeout=max(0.0, deadline - time.monotonic()))
            except ConnectionClosed as error:
                raise click.ClickException(f"the live socket was closed: {error}") from None
            if text is None:
                raise click.ClickException(f"nothing on the live socket in {PATIENCE:.0f} s")
            self.messages.append(orjson.loads(text))

    def close(self) -> None:
        """Hang up."""
        if self._client.connected:
            self._client.close()


def wait_for(find: Callable[[], str | None], what: str) -> str:
    """Return what ``find`` finds, once it does.

    Raises:
        click.ClickException: it finds nothing.
    """
    deadline = time.monotonic() + PATIENCE
    while (found := find()) is None:
        if time.monotonic() > deadline:
            raise click.ClickException(f"no {what} within {PATIENCE:.0f} s: does a worker run?")
        time.sleep(0.1)
    return found


def find_mail(folder: Path, subject: str) -> str | None:
    """Return the newest ``.eml`` file with this subject, None when there is none."""
    for path in sorted(folder.glob("*.eml"), reverse=True)[:50]:
        with path.open("rb") as stream:
            message = email.message_from_binary_file(stream, policy=email.policy.default)
        if str(message["subject"]) == subject:
            return f"{path} ({subject})"
    return None


def find_line(path: Path, text: str) -> str | None:
    """Return the last line of a file that contains ``text``, None when there is none."""
    if not path.exists():
        return None
    lines = path.read_text(errors="replace").splitlines()
    return next((line for line in reversed(lines) if text in line), None)
