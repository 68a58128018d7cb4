"""Conditional requests (RFC 9110 13): ETags, If-Match, 304, and who may keep an answer."""

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Response, current_app, g, request
from flask.globals import request_ctx

from bookstore import auth, errors, problems
from bookstore.blueprints import compression, ready
from bookstore.blueprints.documenting import document
from bookstore.blueprints.varying import vary

# Of a request that wants an answer only if, or only a part of it.
_CONDITIONS = frozenset(
    f"HTTP_{name}"
    for name in (
        *("IF_MATCH", "IF_NONE_MATCH", "IF_MODIFIED_SINCE", "IF_UNMODIFIED_SINCE"),
        *("IF_RANGE", "RANGE"),
    )
)
_READING, _CHANGING = frozenset({"GET", "HEAD"}), frozenset({"POST", "PATCH", "PUT"})
_WITHOUT_EFFECT = _READING | {"OPTIONS"}
_PERSONAL = frozenset({"user", "staff"})
_CREDENTIALS = ("Authorization", "X-API-Key", "X-Cart-Token")


def set_tag(version: int, stock: int | None = None) -> None:
    """Say which version of a catalogue resource this answer shows; it opens the ETag.

    ``stock`` is for staff, who may change it: then the tag stands for that too.
    """
    g.version_tag = f"v{version}." if stock is None else f"v{version}.s{stock}."


def set_etag(response: Response) -> None:
    """Give a JSON answer a strong ETag (RFC 9110 8.8.3), unless it has one."""
    _set_etag(response, "")


def _set_etag(response: Response, ending: str) -> None:
    """Give a JSON answer an ETag, and any that it has an ending."""
    headers = response.headers
    if "ETag" in headers:
        if ending:
            response.set_etag(f"{response.get_etag()[0]}{ending}")
    elif response.mimetype == "application/json" and 200 <= response.status_code < 300:
        digest = hashlib.blake2b(response.get_data(), digest_size=12).hexdigest()
        headers.add("ETag", f'"{g.get("version_tag", "")}{digest}{ending}"')


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
    asked, status = request_ctx.request, response.status_code
    method = asked.method
    # smorest writes `null`; there must be nothing.
    if status == 204 or (status == 202 and response.data == b"null"):
        response.set_data(b"")
        del response.headers["Content-Type"]
    encoding = compression.choose(response)
    if status == 200 and method in _READING:
        # A strong tag is one of bytes, and encoded ones are others (RFC 9110 8.8.3.3).
        _set_etag(response, "" if encoding is None else f"-{encoding}")
        response = _conditional(response)
    elif method in _CHANGING and "version_tag" in g:
        set_etag(response)
    if "Cache-Control" not in response.headers:
        view = current_app.view_functions.get(asked.endpoint or "")
        private = getattr(view, "access", "user") in _PERSONAL
        private = private or auth.current_actor().id is not None or "cart" in asked.path
        # Tokens above all; nothing that answers a write is for others.
        private = private or method not in _WITHOUT_EFFECT
        response.headers.add(
            "Cache-Control", "private, no-store" if private else "public, no-cache"
        )
    vary(response, *_CREDENTIALS)
    # A 304 is sent without it, but the next who asks may have to be sent the rest.
    sent = response.status_code == 304 and ready.may_keep()
    if encoding is not None and (sent or 200 <= response.status_code < 300):
        compression.compress(response, encoding)
    return response


def _conditional(response: Response) -> Response:
    environ = request.environ
    if _CONDITIONS.isdisjoint(environ) and "Content-Length" in response.headers:
        return response
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
