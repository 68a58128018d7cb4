"""The HTTP client of webhooks: POSTs to strangers, so it trusts nothing about them.

* It connects to an address that it has looked at itself (see ``strangers``), at every attempt; a
  connection is used again only if its other end is among the addresses looked at just now.
* One deadline covers name, connection, TLS, request and answer. Each read gets what is left of
  it; a plain socket timeout starts anew with each byte, so a slow drip would last for ever.
* Redirects are not followed, proxies and cookies do not exist, and of the answer a little is read.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import NamedTuple, Self

from bookstore import errors
from bookstore.gateways import addresses, retry_after, strangers
from bookstore.gateways.addresses import Address, Lookup, Target

SECONDS = 15.0
# Read of an answer's body, and kept of it.
LONGEST_BODY, KEPT = 64 * 1024, 1024
LONGEST_HEAD = 64 * 1024
# Shorter than receivers wait for the next request (Node closes after 5 seconds).
IDLE_SECONDS = 4.0
IDLE_OF_A_HOST = 10


class SendFailed(Exception):
    """There was no answer; the message says why, for the endpoint's owner."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered; ``text`` is the first KiB of it, ``retry_after`` in seconds."""

    status: int
    retry_after: float | None
    text: str


class _Connection(NamedTuple):
    sock: socket.socket
    address: Address
    since: float


class _Closed(Exception):
    """The connection ended before the first byte of an answer."""


class Client:
    """Sends webhooks; safe to use from many threads. Keeps connections for a moment."""

    def __init__(
        self,
        *,
        allow_private: bool,
        lookup: Lookup | None = None,
        tls: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self.allow_private, self.lookup = allow_private, lookup
        self.tls, self.seconds = tls, seconds
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str, int], list[_Connection]] = {}

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST once and return the answer, whatever its status.

        Raises:
            SendFailed: no name, no connection, no TLS, no answer, or not in time.
        """
        deadline = time.monotonic() + self.seconds
        try:
            target = addresses.parse_url(url)
            vetted = addresses.addresses_of(
                target.host, allow_private=self.allow_private, lookup=self.lookup
            )
            request = _request(target, headers, body)
            used = self._take(target, vetted)
            if used is not None:
                try:
                    return self._exchange(target, used, request, deadline)
                except _Closed:
                    pass  # while it lay idle; so a new one gets its chance
            return self._exchange(
                target, self._connect(target, vetted, deadline), request, deadline
            )
        except _Closed:
            raise SendFailed("the connection was closed without an answer") from None
        except (errors.UrlNotAllowed, HTTPException, ValueError, OSError) as error:
            raise SendFailed(strangers.why(error, self.seconds)) from None

    def prune(self, idle_seconds: float = IDLE_SECONDS) -> None:
        """Close connections that have been idle for so long."""
        stale: list[_Connection] = []
        oldest = time.monotonic() - idle_seconds
        with self._lock:
            for key, several in list(self._idle.items()):
                stale += [one for one in several if one.since < oldest]
                several[:] = [one for one in several if one.since >= oldest]
                if not several:
                    del self._idle[key]
        for one in stale:
            one.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.prune(0)

    def _connect(self, target: Target, vetted: Sequence[Address], deadline: float) -> _Connection:
        return _Connection(*strangers.connect(target, vetted, deadline, self.tls), 0.0)

    def _exchange(
        self, target: Target, connection: _Connection, request: bytes, deadline: float
    ) -> Answer:
        sock, keep = connection.sock, False
        try:
            _send(sock, request, deadline)
            reader = strangers.Reader(sock, deadline, LONGEST_HEAD + 2 * LONGEST_BODY)
            response = HTTPResponse(reader, method="POST")  # type: ignore[arg-type]
            try:
                response.begin()
            except (HTTPException, OSError) as error:
                ended = isinstance(error, ConnectionError | HTTPException)
                if ended and not reader.received:
                    raise _Closed from error
                raise
            body = response.read(LONGEST_BODY)
            if response.length and len(body) < LONGEST_BODY:
                # Half an answer may be how a receiver says that it broke down after its 200.
                raise IncompleteRead(body)
            keep = response.isclosed() and not response.will_close
            wait = retry_after.seconds(response.headers.get("Retry-After"))
            return Answer(response.status, wait, _text(body[:KEPT]))
        finally:
            if keep:
                self._keep(target, connection)
            else:
                sock.close()

    def _take(self, target: Target, vetted: Sequence[Address]) -> _Connection | None:
        """Return an idle connection to one of these addresses that is still open."""
        oldest = time.monotonic() - IDLE_SECONDS
        while True:
            with self._lock:
                several = self._idle.get(_key(target))
                if not several:
                    return None
                connection = several.pop()
            if connection.since >= oldest and connection.address in vetted:
                poll = select.poll()
                poll.register(connection.sock, select.POLLIN)
                # Something to read before anything was asked: the end, or nonsense.
                if not poll.poll(0):
                    return connection
            connection.sock.close()

    def _keep(self, target: Target, connection: _Connection) -> None:
        with self._lock:
            several = self._idle.setdefault(_key(target), [])
            if len(several) < IDLE_OF_A_HOST:
                several.append(connection._replace(since=time.monotonic()))
                return
        connection.sock.close()


def _key(target: Target) -> tuple[str, str, int]:
    return target.scheme, target.host, target.port


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"POST {target.path} HTTP/1.1", f"Host: {target.authority}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def _send(sock: socket.socket, data: bytes, deadline: float) -> None:
    try:
        strangers.send(sock, data, deadline)
    except ConnectionError as error:
        raise _Closed from error


def _text(body: bytes) -> str:
    # PostgreSQL stores no NUL; a character cut in two at the end is no mistake of theirs.
    return body.decode("utf-8", errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
