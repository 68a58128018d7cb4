"""Fetching a file from an address that somebody has named: a GET by the rules of ``strangers``.

No redirect is followed, no proxy, cookie or compression exists, and nothing past the limit is read.
"""

import ssl
import time
from http.client import HTTPException, HTTPResponse
from typing import IO

from bookstore import errors
from bookstore.gateways import addresses, strangers
from bookstore.gateways.addresses import Lookup

_CHUNK = 64 * 1024
_LONGEST_HEAD = 64 * 1024


class DownloadFailed(Exception):
    """The file was not fetched; the message says why, for whoever named the address."""


def fetch(
    url: str,
    into: IO[bytes],
    *,
    most: int,
    seconds: float,
    allow_private: bool,
    lookup: Lookup | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Write what is at ``url`` to ``into``.

    Args:
        url: http(s), as ``addresses`` lets it be.
        into: where to; after a failure part of the file may stand there.
        most: bytes that a file may have.
        seconds: for all of it.
        allow_private: whether it may lead into private networks.
        lookup: finds addresses; None: the system.
        tls: checks certificates; None: as the system does.

    Raises:
        DownloadFailed: it leads where nothing of ours may go, nobody answers, not in time, with
            another status than 200, with more than ``most`` bytes or fewer than announced.
    """
    deadline = time.monotonic() + seconds
    try:
        target = addresses.parse_url(url)
        vetted = addresses.addresses_of(target.host, allow_private=allow_private, lookup=lookup)
        sock, _ = strangers.connect(target, vetted, deadline, tls)
        with sock:
            lines = [f"GET {target.path} HTTP/1.1", f"Host: {target.authority}", "Accept: */*"]
            lines += ["Accept-Encoding: identity", "Connection: close", "", ""]
            strangers.send(sock, "\r\n".join(lines).encode("latin-1"), deadline)
            # Chunked answers are longer than what is in them, but not twice.
            longest = _LONGEST_HEAD + 2 * (most + _CHUNK)
            reader = strangers.Reader(sock, deadline, longest)
            response = HTTPResponse(reader, method="GET")  # type: ignore[arg-type]
            response.begin()
            _keep(response, into, most)
    except (errors.UrlNotAllowed, HTTPException, ValueError, OSError) as error:
        raise DownloadFailed(strangers.why(error, seconds)) from None


def _keep(response: HTTPResponse, into: IO[bytes], most: int) -> None:
    if response.status != 200:
        moved = ", and redirects are not followed" if 300 <= response.status < 400 else ""
        raise DownloadFailed(f"the answer is {response.status}{moved}")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise DownloadFailed("the answer is compressed, which was not asked for")
    count = 0
    while chunk := response.read(_CHUNK):
        count += len(chunk)
        if count > most:
            raise DownloadFailed(f"the file has more than {most:,} bytes")
        into.write(chunk)
    if response.length:
        raise DownloadFailed("the answer ends in the middle of the file")
