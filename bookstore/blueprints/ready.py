"""Answers that are ready: who asks for a public page of the catalogue gets it before Flask.

``Front`` stands before the app and inside of what reads the proxies' headers. It counts the
request and finds its whole answer in Redis, in one round trip, and sends it with what each answer
has of its own. Whether a token is good is asked first, as the app does. All else it leaves to the
app, with what it has learned: misses, refusals, staff, whatever is unusual. What is kept is the
app's own answer (``keep``), so there is one way to make one.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard, TypeVar

import orjson
from flask import Flask, Response, request
from flask.globals import request_ctx
from werkzeug.sansio.http import is_resource_modified

from bookstore import auth, instruments, logs, traces
from bookstore.blueprints import compression, cors, limits, measuring, queries, versioning
from bookstore.services import catalog_cache
from bookstore.services.catalog_cache import Asked, Desk, Entry, Visit
from bookstore.services.limits import Standing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

VIEW = TypeVar("VIEW", bound=Callable[..., Any])

_VISIT = "bookstore.visit"
_METHODS = frozenset({"GET", "HEAD"})
# Whoever sends these is somebody, or wants something that is not kept.
_ODD = frozenset(
    f"HTTP_{name}"
    for name in (
        *("X_API_KEY", "RANGE", "IF_RANGE", "TRANSFER_ENCODING"),
        *("IF_MATCH", "IF_MODIFIED_SINCE", "IF_UNMODIFIED_SINCE"),
    )
)
# Of an address with its headers. A longer one is nothing that many ask for.
_LONGEST = 600
# What v1 passes over, however it is spelled: each would be kept once more.
_PASSED_OVER = re.compile(
    rf"(?:^|&)(?:{'|'.join(sorted(queries.PASSED_OVER))}|[^=&]*%[^=&]*)(?:=|&|$)"
)
# Each answer has another.
_OWN = frozenset((*limits.HEADERS, "X-Request-ID", "Cache-Control"))
_FOR_GUESTS, _FOR_USERS = "public, no-cache", "private, no-store"
# Headers of what a 304 does not send, as werkzeug has it.
_OF_BODY = frozenset(
    f"Content-{name}" for name in ("Encoding", "Language", "Length", "MD5", "Range", "Type")
)
# Requests that are asked for again and again, and answers; and of each a few KB.
_REMEMBERED = 1024
_REASONS = {200: "200 OK", 304: "304 NOT MODIFIED"}


def kept(view: VIEW) -> VIEW:
    """Say that a view's answers may be kept, as guests get them; it makes them by ``body``."""
    view.is_kept = True  # type: ignore[attr-defined]
    return view


def body(seconds: int, make: Callable[[], bytes]) -> bytes:
    """Return the body of the present address, made before or now.

    Args:
        seconds: for how long it may be kept.
        make: makes it; the same for whoever asks.
    """
    asked = request_ctx.request
    parts = asked.query_string.decode("latin-1").split("&")
    query = "&".join(one for one in parts if one.partition("=")[0] not in queries.PASSED_OVER)
    address = f"{asked.path}?{query}" if query else asked.path
    return catalog_cache.get_or_make(address, seconds, make, asked.environ.get(_VISIT))


def may_keep() -> bool:
    """Return whether the present answer, if it is a good one, will be kept."""
    return _may_keep(_visit())


def keep(response: Response) -> None:
    """Keep a finished answer, if it is one of those that may be."""
    asked = request_ctx.request
    visit, rule = asked.environ.get(_VISIT), asked.url_rule
    if rule is None or not _may_keep(visit) or response.status_code not in _REASONS:
        return
    headers = [(name, None if name in _OWN else value) for name, value in response.headers]
    told = response.headers["Cache-Control"]
    if told not in {_FOR_GUESTS, _FOR_USERS} or "Set-Cookie" in response.headers:
        return
    head = orjson.dumps([response.headers["ETag"], rule.rule, headers])
    catalog_cache.keep(visit, head + b"\n" + response.get_data())


class Front:
    """WSGI middleware that answers what is ready."""

    def __init__(self, app: Flask) -> None:
        self._app, self._next = app, app.wsgi_app
        self._paths = _paths(app)
        self._desk: Desk | None = None
        # What comes of these parts of a request is the same as long as the desk is.
        self._asked = lru_cache(maxsize=_REMEMBERED)(self._look_at)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve a request."""
        if environ["REQUEST_METHOD"] not in _METHODS or not _ODD.isdisjoint(environ):
            return self._next(environ, start_response)
        desk, get = self._desk, environ.get
        if desk is None or not desk.fits(self._app.config["SETTINGS"]):
            desk = self._open_anew()
        path, query, host = environ["PATH_INFO"], get("QUERY_STRING", ""), get("HTTP_HOST", "")
        accepted, origin = get("HTTP_ACCEPT_ENCODING", ""), get("HTTP_ORIGIN")
        if len(path) + len(query) + len(host) + len(accepted) + len(origin or "") > _LONGEST:
            return self._next(environ, start_response)  # before it is remembered
        scheme, is_negotiated = environ["wsgi.url_scheme"], versioning.NEGOTIATED in environ
        asked = self._asked(desk, path, query, host, accepted, origin, scheme, is_negotiated)
        if asked is None or not _is_bare(environ):
            return self._next(environ, start_response)
        measuring.start(environ)
        sender: str | int | None = get("REMOTE_ADDR")
        if "HTTP_AUTHORIZATION" in environ:
            with self._app.app_context():
                sender = auth.usual_user(environ)
            if sender is None:
                return self._next(environ, start_response)
        instruments.HTTP_IN_PROGRESS.add()
        try:
            start = _start(get("HTTP_IF_NONE_MATCH"))
            found = desk.visit(sender, asked, start)
            if found is None:
                with self._app.app_context():
                    found = catalog_cache.visit(sender, asked)
        finally:
            instruments.HTTP_IN_PROGRESS.add(amount=-1)
        if found.found is not None and found.found.entry is not None:
            return _send(environ, start_response, found.standing, found.found.entry)
        environ[_VISIT], environ[auth.COUNTED] = found, found.standing
        try:
            return self._next(environ, start_response)
        finally:
            if found.is_awaited:
                with self._app.app_context():
                    catalog_cache.leave(found)

    def _open_anew(self) -> Desk:
        with self._app.app_context():
            self._desk = desk = Desk()
        return desk

    def _look_at(
        self,
        desk: Desk,
        path: str,
        query: str,
        host: str,
        accepted: str,
        origin: str | None,
        scheme: str,
        is_negotiated: bool,
    ) -> Asked | None:
        """Return what is asked for; None: the app has to look at it."""
        present = desk.settings
        if (
            self._paths.fullmatch(path) is None
            or (present.forces_https and scheme != "https")
            or not host
            or _PASSED_OVER.search(query)
        ):
            return None
        # Links to other pages are whole addresses there.
        named = host if path.startswith("/api/v1/") and not present.public_url else ""
        way = (
            compression.preferred(accepted) or "",
            scheme,
            "by Accept" if is_negotiated else "",
            cors.allowed(origin, present) or "",
            named,
        )
        return desk.asked(f"{path}?{query}" if query else path, "\n".join(way))


def _visit() -> Visit | None:
    return request.environ.get(_VISIT)


def _may_keep(visit: Visit | None) -> TypeGuard[Visit]:
    return visit is not None and visit.seconds is not None and visit.found is not None


def _paths(app: Flask) -> re.Pattern[str]:
    """Return what matches the paths of the views that are ``kept``."""
    found = {
        re.escape(rule.rule.rstrip("/")) + "/?"
        for rule in app.url_map.iter_rules()
        if hasattr(app.view_functions[rule.endpoint], "is_kept") and "GET" in (rule.methods or ())
    }
    ids = app.url_map.converters["id"].regex
    return re.compile("|".join(sorted(re.sub(r"<id:\w+>", ids, path) for path in found)), re.ASCII)


def _is_bare(environ: "WSGIEnvironment") -> bool:
    """Return whether a request has no body, and the app is not below some other path."""
    get = environ.get
    return not get("SCRIPT_NAME") and get("CONTENT_LENGTH", "0") in {"", "0"}


def _start(wanted: str | None) -> bytes:
    """Return how an entry begins that is just what the client has: of that it needs no content."""
    if wanted is None or len(wanted) > _LONGEST:
        return b""
    return orjson.dumps([wanted])[:-1] + b","


class _Head(NamedTuple):
    """What an entry says of an answer; a header without a value has another in each answer."""

    tag: str
    route: str
    whole: "_Headers"
    # Of a 304.
    fewer: "_Headers"


class _Headers:
    """Headers of an answer, and the places of those that have another value in each."""

    def __init__(self, pairs: Iterable[tuple[str, str | None]]) -> None:
        found = list(pairs)
        self._fixed = [(name, value or "") for name, value in found]
        self._own = [(at, name) for at, (name, value) in enumerate(found) if value is None]

    def filled(self, own: dict[str, str]) -> list[tuple[str, str]]:
        """Return all of them."""
        headers = self._fixed.copy()
        for at, name in self._own:
            headers[at] = (name, own[name])
        return headers


@lru_cache(maxsize=_REMEMBERED)
def _head(line: bytes) -> _Head:
    tag, route, headers = orjson.loads(line)
    fewer = _Headers(pair for pair in headers if pair[0] not in _OF_BODY)
    return _Head(tag, route, _Headers(headers), fewer)


def _send(
    environ: "WSGIEnvironment", start_response: "StartResponse", standing: Standing, entry: Entry
) -> Iterable[bytes]:
    tag, route, headers, fewer = _head(entry.head)
    own = limits.headers(standing)
    own["X-Request-ID"] = logs.request_id.get()
    own["Cache-Control"] = _FOR_USERS if "HTTP_AUTHORIZATION" in environ else _FOR_GUESTS
    method, wanted, status = environ["REQUEST_METHOD"], environ.get("HTTP_IF_NONE_MATCH"), 200
    if wanted is not None and (
        wanted == tag or not is_resource_modified(http_if_none_match=wanted, etag=tag)
    ):
        status, headers = 304, fewer
    content = entry.content
    traces.name_request(environ, method, route)
    measuring.log_ready(environ, method, environ["PATH_INFO"], status, len(content))
    measuring.count_answer(environ, method, route, status)
    start_response(_REASONS[status], headers.filled(own))
    return [] if method == "HEAD" or status == 304 else [content]
