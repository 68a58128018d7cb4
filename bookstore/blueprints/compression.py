"""Smaller answers for those who can read them: Brotli or gzip (RFC 9110 8.4, 12.5.3)."""

import gzip
from functools import lru_cache

import brotli  # type: ignore[import-untyped]
from flask import Response, request
from werkzeug.http import parse_accept_header

from bookstore.blueprints.varying import vary

# The better one first: of those a client likes equally, it wins.
ENCODINGS = ("br", "gzip")
_MIMETYPES = frozenset(
    [
        "application/graphql-response+json",
        "application/json",
        "application/problem+json",
        "text/csv",
        "text/html",
        "text/javascript",
    ]
)
# Below this one packet carries it either way.
_SHORTEST = 1000
_GZIP_LEVEL, _BROTLI_QUALITY = 6, 4


def choose(response: Response) -> str | None:
    """Return the encoding this answer will be sent in, None for as it is.

    Says in ``Vary`` that the choice was the client's.
    """
    if response.mimetype not in _MIMETYPES or response.is_streamed or response.direct_passthrough:
        return None
    vary(response, "Accept-Encoding")
    wanted = preferred(request.environ.get("HTTP_ACCEPT_ENCODING", ""))
    if wanted is None or (response.content_length or 0) < _SHORTEST:
        return None
    return None if "Content-Encoding" in response.headers else wanted


@lru_cache(maxsize=256)
def preferred(header: str) -> str | None:
    """Return the encoding that an Accept-Encoding wants most; None: as it is."""
    accepted = parse_accept_header(header)
    # Nothing but what is named, or a ``*``: without the header anything may be sent, and most
    # clients that do not name an encoding cannot read one.
    found = accepted.best_match([*ENCODINGS, "identity"])
    return found if found in ENCODINGS and accepted.quality(found) > 0 else None


def compress(response: Response, encoding: str) -> None:
    """Compress the body as ``choose`` said."""
    body = response.get_data()
    if encoding == "br":
        small = brotli.compress(body, quality=_BROTLI_QUALITY)
    else:
        # No time in it: the same body makes the same bytes.
        small = gzip.compress(body, _GZIP_LEVEL, mtime=0)
    response.set_data(small)
    response.headers["Content-Encoding"] = encoding
