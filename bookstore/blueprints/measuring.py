"""Each request is counted: how long it took, by route, never by path, and how it ended.

And each has an id and a line in the log.
"""

import logging
import re
import time
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from flask.globals import request_ctx

from bookstore import instruments, logs, words

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = logging.getLogger("bookstore.access")

UNKNOWN = "unknown"
"""The route of what leads nowhere: a path is the client's, and there is no end of paths."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}")
_STARTED = "bookstore.started"
_LOGINS = frozenset({"accounts.log_in", "v1_tokens.log_in"})


def init_app(app: Flask) -> None:
    """Count the requests of an app; to be called before anything else hooks in."""
    app.before_request(_begin)
    # Flask runs these the other way round: what was registered first sees the finished answer.
    app.after_request(_end)
    app.teardown_request(_over)


def start(environ: "WSGIEnvironment") -> None:
    """Note when a request came, and give it its id, unless that was done before."""
    if _STARTED in environ:
        return
    environ[_STARTED] = time.perf_counter()
    given = environ.get("HTTP_X_REQUEST_ID", "")
    logs.request_id.set(given if given and _REQUEST_ID.fullmatch(given) else words.new())


def log_answer(
    environ: "WSGIEnvironment", method: str, path: str, status: int, size: int | None
) -> None:
    """Write the line of a request that is answered; ``size`` in bytes, if it has a body."""
    figures = _figures(environ, method, status, size)
    if not logs.at_once(log, f"{method} {path}", **figures):
        log.info("%s %s", method, path, extra=figures)


def log_ready(
    environ: "WSGIEnvironment", method: str, path: str, status: int, size: int | None
) -> None:
    """As ``log_answer``, a moment later: for answers that there are very many of."""
    if not logs.soon(log, f"{method} {path}", **_figures(environ, method, status, size)):
        log_answer(environ, method, path, status, size)


def _figures(
    environ: "WSGIEnvironment", method: str, status: int, size: int | None
) -> dict[str, float | None]:
    ms = round((time.perf_counter() - environ[_STARTED]) * 1000, 1)
    sent = 0 if method == "HEAD" or status == 304 else size
    return {"status": status, "ms": ms, "bytes": sent}


def count_answer(environ: "WSGIEnvironment", method: str, route: str, status: int) -> None:
    """Count a request that is answered."""
    instruments.HTTP_RESPONSES.add(str(status))
    instruments.HTTP_SECONDS.observe(
        method if method in _METHODS else UNKNOWN,
        route,
        f"{status // 100}xx",
        seconds=time.perf_counter() - environ[_STARTED],
    )


def _begin() -> None:
    start(request.environ)
    g.is_measured = True
    instruments.HTTP_IN_PROGRESS.add()


def _end(response: Response) -> Response:
    status, asked = response.status_code, request_ctx.request
    route = UNKNOWN if asked.url_rule is None else asked.url_rule.rule
    count_answer(asked.environ, asked.method, route, status)
    if asked.endpoint in _LOGINS and (status < 300 or status == 401):
        instruments.LOGINS.add("ok" if status < 300 else "failed")
    return response


def _over(_error: Any) -> None:
    if "is_measured" in g:
        instruments.HTTP_IN_PROGRESS.add(amount=-1)
