"""Each request is counted: how long it took, by route, never by path, and how it ended."""

import time
from typing import Any

from flask import Flask, Response, g, request

from bookstore import instruments

UNKNOWN = "unknown"
"""The route of what leads nowhere: a path is the client's, and there is no end of paths."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LOGINS = frozenset({"accounts.log_in", "v1_tokens.log_in"})


def init_app(app: Flask) -> None:
    """Count the requests of an app; to be called before anything else hooks in."""
    app.before_request(_begin)
    # Flask runs these the other way round: what was registered first sees the finished answer.
    app.after_request(_end)
    app.teardown_request(_over)


def _begin() -> None:
    g.measured_from = time.perf_counter()
    instruments.HTTP_IN_PROGRESS.add()


def _end(response: Response) -> Response:
    seconds = time.perf_counter() - g.measured_from
    status = response.status_code
    instruments.HTTP_RESPONSES.add(str(status))
    instruments.HTTP_SECONDS.observe(
        request.method if request.method in _METHODS else UNKNOWN,
        UNKNOWN if request.url_rule is None else request.url_rule.rule,
        f"{status // 100}xx",
        seconds=seconds,
    )
    if request.endpoint in _LOGINS and (status < 300 or status == 401):
        instruments.LOGINS.add("ok" if status < 300 else "failed")
    return response


def _over(_error: Any) -> None:
    if "measured_from" in g:
        instruments.HTTP_IN_PROGRESS.add(amount=-1)
