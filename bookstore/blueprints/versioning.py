"""Which version a request is for, and what answers of a version that ends say of that.

``/api/v2/books`` says it in its path. ``/api/books`` says it by ``Accept``:
``application/json; version=v1`` or ``application/vnd.bookstore.v1+json``; else it is for v2.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from flask import Response, current_app, request
from flask.globals import request_ctx
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from bookstore.blueprints.varying import vary

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_VENDOR = re.compile(r"application/vnd\.bookstore\.(\w+)(?:\+json)?", re.ASCII)
# Below /api and in no version: tokens, as old clients ask for them, and Swagger UI's files.
_UNVERSIONED = ("/api/token", "/api/docs-")
_IN_PATH = re.compile(r"/api/v\d+(/|$)", re.ASCII)
NEGOTIATED = "bookstore.negotiated"
REFUSED = "bookstore.unknown_version"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the API: its name, its blueprints, and, if it is deprecated, since when and the
    day on which it ends."""

    name: str
    blueprints: Sequence[Any]
    deprecated: date | None = None
    sunset: date | None = None

    @property
    def prefix(self) -> str:
        """Under which its routes hang."""
        return f"/api/{self.name}"


class Negotiation:
    """WSGI middleware that leads ``/api/…`` to the version that ``Accept`` asks for.

    Before routing, so that a version's routes are the same however they were asked for.
    """

    def __init__(self, app: "WSGIApplication", names: Sequence[str], default: str) -> None:
        self.app, self.names, self.default = app, names, default

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve a request."""
        path = environ.get("PATH_INFO", "")
        if path.startswith("/api/") and not (path.startswith(_UNVERSIONED) or _IN_PATH.match(path)):
            name = asked_for(environ.get("HTTP_ACCEPT", ""), self.names, self.default)
            environ[NEGOTIATED] = True
            if name is None:
                environ[REFUSED] = True
            else:
                environ["PATH_INFO"] = f"/api/{name}{path[len('/api') :]}"
        return self.app(environ, start_response)


def asked_for(accept: str, known: Sequence[str], default: str) -> str | None:
    """Return the version that an Accept header asks for most; None if there is none such."""
    offers = parse_accept_header(accept, MIMEAccept)
    fallback = None if offers else default
    for media_type, quality in offers:
        if quality <= 0:
            continue
        kind, _, parameters = media_type.partition(";")
        vendor = _VENDOR.fullmatch(kind.strip().lower())
        # Whatever it says is what is asked for: a version written oddly is none, not the default.
        version = re.search(r"(?:^|;)\s*version=\s*\"?([^\s\";]+)", parameters, re.I)
        if vendor is None and version is None:
            if kind.strip() in {"application/json", "application/*", "*/*"}:
                return default
            fallback = default  # a page or a table, of which there is one version
            continue
        name = vendor.group(1) if vendor else (version.group(1).lower() if version else "")
        name = f"v{name}" if name.isdecimal() else name
        if name in known:
            return name
    return fallback


def announce(response: Response, versions: Sequence[Version], extra: Sequence[str]) -> None:
    """Add to an answer of a deprecated version what RFC 9745 and RFC 8594 have for that.

    Args:
        response: of the present request.
        versions: all there are; the last one is the current one.
        extra: more prefixes that belong to the first.
    """
    asked = request_ctx.request
    if asked.environ.get(NEGOTIATED):
        vary(response, "Accept")
    path = asked.path
    version = next((v for v in versions if path.startswith(f"{v.prefix}/")), None)
    if version is None and path.startswith(tuple(extra)):
        version = versions[0]
    if version is None or version.deprecated is None or version.sunset is None:
        return
    successor = _successor(version, versions[-1])
    response.headers["Deprecation"] = f"@{int(_midnight(version.deprecated).timestamp())}"
    response.headers["Sunset"] = format_datetime(_midnight(version.sunset), usegmt=True)
    response.headers.add("Link", f'<{successor}>; rel="successor-version"')
    response.headers["Warning"] = (
        f'299 - "API {version.name} is deprecated and ends on {version.sunset}: use {successor}"'
    )


def _successor(version: Version, current: Version) -> str:
    view: Callable[..., Any] | None = current_app.view_functions.get(request.endpoint or "")
    operation = getattr(view, "successor", None)
    if operation is None:
        return f"{current.prefix}/docs"
    path = operation.partition(" ")[2]
    for name, value in (request.view_args or {}).items():
        path = path.replace(f"{{{name}}}", str(value))
    # What the body names, or nothing, stands in no link.
    return f"{current.prefix}{path.partition('/{')[0]}"


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
