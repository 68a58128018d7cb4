"""Connections to servers of strangers: webhooks are sent over them, and files fetched.

Whoever names the address chooses where the shop connects to from inside its network. So the name is
looked up and every address looked at (``addresses``), the connection goes to one that was, and one
deadline covers all of it: each read and write gets what is left of it.
"""

import io
import socket
import ssl
import time
from collections.abc import Sequence
from functools import cache
from http.client import HTTPException
from typing import Any

from bookstore import errors
from bookstore.gateways.addresses import Address, LookupFailed, Target

CONNECT_SECONDS = 3.0
# Addresses of one host that are tried; behind a name may stand any number of dead ones.
TRIED = 3


def connect(
    target: Target, vetted: Sequence[Address], deadline: float, tls: ssl.SSLContext | None = None
) -> tuple[socket.socket, Address]:
    """Return a connection to one of these addresses, and which one it is.

    Args:
        target: what is asked; its name is what a certificate must be for.
        vetted: addresses that were looked at just now.
        deadline: of ``time.monotonic()``.
        tls: how certificates are checked; None: as the system does.

    Raises:
        OSError: none can be reached.
        ssl.SSLError: its certificate, say, is not good.
        TimeoutError: the deadline has come.
    """
    last: OSError | None = None
    for address in vetted[:TRIED]:
        seconds = min(CONNECT_SECONDS, left(deadline))
        try:
            sock = socket.create_connection((str(address), target.port), timeout=seconds)
        except TimeoutError:
            last = OSError(f"no connection within {CONNECT_SECONDS:g} seconds")
        except OSError as error:
            last = error
        else:
            break
    else:
        raise last or LookupFailed(f"{target.host} has no address")
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if target.scheme == "https":
            sock.settimeout(left(deadline))
            sock = (tls or _usual_tls()).wrap_socket(sock, server_hostname=target.host)
    except BaseException:
        sock.close()
        raise
    return sock, address


class Reader(io.RawIOBase):
    """Reads a socket until the deadline, and no more than ``most`` bytes in all."""

    def __init__(self, sock: socket.socket, deadline: float, most: int) -> None:
        self.sock, self.deadline, self.most, self.received = sock, deadline, most, 0

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What HTTPResponse asks of a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some; TimeoutError when the deadline has come."""
        self.sock.settimeout(left(self.deadline))
        try:
            count = self.sock.recv_into(buffer)
        except ssl.SSLEOFError:
            count = 0  # closed without TLS's goodbye, as many do
        self.received += count
        if self.received > self.most:
            raise HTTPException("too long")
        return count


def send(sock: socket.socket, data: bytes, deadline: float) -> None:
    """Send all of it; ConnectionError, or TimeoutError when the deadline has come."""
    view = memoryview(data)
    while view:
        sock.settimeout(left(deadline))
        view = view[sock.send(view) :]


def left(deadline: float) -> float:
    """Return the seconds until a deadline; TimeoutError if there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def why(error: Exception, seconds: float) -> str:
    """Return, for people, why there was no answer.

    Args:
        error: an OSError, HTTPException, ValueError or UrlNotAllowed of the attempt.
        seconds: how long it may have taken.
    """
    match error:
        case errors.UrlNotAllowed():
            return error.detail
        case TimeoutError():
            return f"no complete answer within {seconds:g} seconds"
        case ssl.SSLCertVerificationError():
            return f"TLS: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS: {error.reason or error}"
        case OSError():
            return (error.strerror or str(error)).lower()
    return f"not an HTTP answer: {type(error).__name__}"


@cache
def _usual_tls() -> ssl.SSLContext:
    return ssl.create_default_context()
