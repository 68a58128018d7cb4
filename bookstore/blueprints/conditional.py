"""Conditional requests (RFC 9110 13): ETags, If-Match, 304, and who may keep an answer."""

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Response, current_app, g, request

from bookstore import auth, errors, problems
from bookstore.blueprints import compression, ready
from bookstore.blueprints.documenting import document


def set_tag(version: int, stock: int | None = None) -> None:
    """Say which version of a catalogue resource this answer shows; it opens the ETag.

    ``stock`` is for staff, who may change it: then the tag stands for that too.
    """
    g.version_tag = f"v{version}." if stock is None else f"v{version}.s{stock}."


def set_etag(response: Response) -> None:
    """Give a JSON answer a strong ETag (RFC 9110 8.8.3), unless it has one."""
    if (
        response.mimetype == "application/json"
        and 200 <= response.status_code < 300
        and "ETag" not in response.headers
    ):
        digest = hashlib.blake2b(response.get_data(), digest_size=12).hexdigest()
        response.set_etag(f"{g.get('version_tag', '')}{digest}")


def if_match() -> tuple[int | None, int | None]:
    """Return (version, stock) that If-Match names; (None, None) for ``*``.

    Raises:
        PreconditionRequired: there is no If-Match.
        PreconditionFailed: it is not a tag of ours.
    """
    header = request.headers.get("If-Match", "").strip()
    if not header:
        raise errors.PreconditionRequired
    if header == "*":
        return None, None
    # A list matches when one of it does; only one of ours can be current.
    for tag in request.if_match:
        version, _, rest = (tag or "").partition(".")  # an empty tag is None
        if version[:1] == "v" and version[1:].isdecimal() and len(version) < 18:
            stock = rest.partition(".")[0]
            seen = stock[1:] if stock[:1] == "s" else ""
            return int(version[1:]), int(seen) if seen.isdecimal() and len(seen) < 18 else None
    raise errors.PreconditionFailed


def needs_if_match(view: Callable[..., Any]) -> Callable[..., Any]:
    """Document that a view calls ``if_match``."""
    parameter = {
        "in": "header",
        "name": "If-Match",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": "*",
        "description": "The ETag of the version being changed, or `*`.",
    }
    document(view, parameters=[parameter])
    return view


def finish(response: Response) -> Response:
    """After each request: ETag and 304, caching that fits who may see the answer, compression."""
    # smorest writes `null`; there must be nothing.
    if response.status_code == 204 or (response.status_code == 202 and response.data == b"null"):
        response.set_data(b"")
        del response.headers["Content-Type"]
    encoding = compression.choose(response)
    if request.method in {"GET", "HEAD"} and response.status_code == 200:
        set_etag(response)
        if encoding is not None and "ETag" in response.headers:
            # A strong tag is one of bytes, and these are others (RFC 9110 8.8.3.3).
            response.set_etag(f"{response.get_etag()[0]}-{encoding}")
        response = _conditional(response)
    elif request.method in {"POST", "PATCH", "PUT"} and "version_tag" in g:
        set_etag(response)
    if "Cache-Control" not in response.headers:
        view = current_app.view_functions.get(request.endpoint or "")
        private = getattr(view, "access", "user") in {"user", "staff"}
        private = private or auth.current_actor().id is not None or "cart" in request.path
        # Tokens above all; nothing that answers a write is for others.
        private = private or request.method not in {"GET", "HEAD", "OPTIONS"}
        response.headers["Cache-Control"] = "private, no-store" if private else "public, no-cache"
    response.vary.update(["Authorization", "X-API-Key", "X-Cart-Token"])
    # A 304 is sent without it, but the next who asks may have to be sent the rest.
    sent = response.status_code == 304 and ready.may_keep()
    if encoding is not None and (sent or 200 <= response.status_code < 300):
        compression.compress(response, encoding)
    return response


def _conditional(response: Response) -> Response:
    environ = request.environ
    if "HTTP_IF_MATCH" in environ and "ETag" in response.headers:
        # By hand: werkzeug knows no ``*`` here, and answers 412 with the whole body.
        environ = {k: v for k, v in environ.items() if k != "HTTP_IF_MATCH"}
        wanted = request.if_match
        if not (wanted.star_tag or wanted.is_strong(response.get_etag()[0] or "")):
            return problems.from_error(errors.PreconditionFailed())
    response.make_conditional(environ)
    # The server sends it, with each answer.
    response.headers.pop("Date", None)
    return response
