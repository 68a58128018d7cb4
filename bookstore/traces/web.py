"""A span for each request, named by its route."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, request

from bookstore import traces

# Asked every few seconds by machines, and of no interest to anybody.
UNTRACED = frozenset({"/healthz", "/readyz", "/metrics"})
_KNOWN = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"}
)

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def watch(app: Flask) -> None:
    """Give each request of an app a span, below that of its ``traceparent`` if it brings one."""
    app.before_request(_name)
    app.wsgi_app = _traced(app.wsgi_app)  # type: ignore[method-assign, assignment]


def _traced(inner: Wsgi) -> Wsgi:
    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") in UNTRACED:
            return inner(environ, start_response)
        method = environ["REQUEST_METHOD"]
        about = {
            "http.request.method": method if method in _KNOWN else "_OTHER",
            "url.scheme": environ["wsgi.url_scheme"],
        }
        name = method if method in _KNOWN else "HTTP"
        parent = environ.get("HTTP_TRACEPARENT", "")
        with traces.span(name, "server", about, parent=parent) as span:
            environ[traces.SPAN] = span

            def started(status: str, *rest: Any) -> Any:
                code = int(status[:3])
                span.set("http.response.status_code", code)
                if code >= 500:
                    span.failed(str(code))
                return start_response(status, *rest)

            # A body that is still to be made (a stream) is not waited for: the answer has begun.
            return inner(environ, started)

    return serve


def _name() -> None:
    route = None if request.url_rule is None else request.url_rule.rule
    traces.name_request(request.environ, request.method, route)
