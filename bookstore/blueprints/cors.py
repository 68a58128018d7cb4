"""Cross-origin requests (the Fetch standard's CORS protocol), for the origins in CORS_ORIGINS.

Never with credentials: the API knows no cookies, and tokens are sent by whoever has them.
"""

from flask import Response, request
from flask.globals import request_ctx

from bookstore.blueprints.varying import vary
from bookstore.config import Settings
from bookstore.extensions import settings

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_MAY_SEND = (
    *("Accept", "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"),
    *("Last-Event-ID", "X-API-Key", "X-Cart-Token", "X-Request-ID"),
    # What tracing libraries add in a browser.
    *("traceparent", "tracestate", "baggage", "sentry-trace"),
)
_MAY_READ = (
    *("Deprecation", "ETag", "Idempotency-Replayed", "Link", "Location", "RateLimit"),
    *("RateLimit-Policy", "Retry-After", "Sunset", "WWW-Authenticate", "X-Cart-Token"),
    *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Request-ID"),
)
# As long as Chromium remembers it at most.
_SECONDS = "7200"
# For machines inside the network, and no browser.
_NOT_HERE = ("/internal/", "/metrics")


def preflight() -> Response | None:
    """Return the answer to a preflight of an allowed origin, whether there is such a page or not.

    Of one that is not there, too: or the page that asks would never see the 404.
    """
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    if _origin() is None:
        return None
    adapter = request_ctx.url_adapter
    known = set(adapter.allowed_methods()) if adapter is not None else set()
    methods = [name for name in _METHODS if name in known] or _METHODS
    response = Response(status=204)
    del response.headers["Content-Type"]
    response.headers["Access-Control-Allow-Methods"] = ", ".join(methods)
    response.headers["Access-Control-Allow-Headers"] = ", ".join(_MAY_SEND)
    response.headers["Access-Control-Max-Age"] = _SECONDS
    vary(response, "Access-Control-Request-Method", "Access-Control-Request-Headers")
    return response


def finish(response: Response) -> None:
    """Let pages of allowed origins read the answer.

    ``Vary: Origin`` also stands on answers to others, which a cache may keep.
    """
    if not settings().allowed_origins or request.path.startswith(_NOT_HERE):
        return
    vary(response, "Origin")
    origin = _origin()
    if origin is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = ", ".join(_MAY_READ)


def allowed(origin: str | None, present: Settings) -> str | None:
    """Return an origin if the shop knows it."""
    if origin is None or present.cors_origins is None:
        return None
    return origin if origin in present.allowed_origins else None


def _origin() -> str | None:
    """Return the origin of the page that asks, if it is an allowed one."""
    if request.path.startswith(_NOT_HERE):
        return None
    return allowed(request.headers.get("Origin"), settings())
