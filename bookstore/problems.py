"""Every refusal as one RFC 9457 body; the only place that knows which error is which status."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from flask import Flask, Response, current_app, request
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from bookstore import errors, logs

log = logging.getLogger(__name__)

MIMETYPE = "application/problem+json"
_CHALLENGE = 'Bearer realm="bookstore"'

# The nearest ancestor decides.
STATUSES: dict[type[errors.BookstoreError], int] = {
    errors.AmbiguousCredentials: 400,
    errors.SignatureInvalid: 400,
    errors.UploadSize: 400,
    errors.Unauthenticated: 401,
    errors.CardDeclined: 402,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.Invalid: 422,
    errors.UrlNotAllowed: 422,
    errors.IdempotencyKeyReused: 422,
    errors.UpgradeRequired: 426,
    errors.PreconditionRequired: 428,
    errors.RateLimited: 429,
    errors.TooManySockets: 429,
    errors.SocketsUnsupported: 501,
    errors.LiveUnavailable: 503,
    errors.LoginsBusy: 503,
    errors.PaymentsUnavailable: 503,
    errors.PartUnavailable: 503,
    errors.StorageUnavailable: 503,
}

# Codes of what HTTP itself refuses.
HTTP_CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    409: "conflict",
    411: "length_required",
    412: "precondition_failed",
    413: "body_too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
    417: "expectation_failed",
    422: "validation_failed",
    428: "precondition_required",
    429: "rate_limited",
    431: "headers_too_large",
    500: "internal_error",
    501: "not_implemented",
    503: "unavailable",
}


# (status, body) of a refusal in another shape, from what ``problem`` takes.
Shape = Callable[[int, str, str, dict[str, Any]], tuple[int, dict[str, Any]]]


def status_of(error: type[errors.BookstoreError]) -> int:
    """Return the HTTP status of an error class (500 for one nobody gave a status)."""
    return next((STATUSES[c] for c in error.__mro__ if c in STATUSES), 500)


def problem(
    status: int, code: str, title: str, detail: str, extra: dict[str, Any] | None = None
) -> Response:
    """Return a problem response (RFC 9457 members, plus ``code`` and ``request_id``).

    Below a prefix that has a shape of its own (see ``init_app``), it is in that.
    """
    shapes: Mapping[str, Shape] = current_app.extensions["problem_shapes"]
    shape = next((shapes[start] for start in shapes if request.path.startswith(start)), None)
    if shape is not None:
        status, body = shape(status, code, detail, extra or {})
    else:
        body = {
            "type": f"/problems/{code}",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": request.path,
            "code": code,
            "request_id": logs.request_id.get(),
            **(extra or {}),
        }
    mimetype = MIMETYPE if shape is None else "application/json"
    response = Response(orjson.dumps(body, default=str), status, content_type=mimetype)
    response.headers["Cache-Control"] = "no-store"
    if status == 401:
        response.headers["WWW-Authenticate"] = _CHALLENGE
    if status == 426:
        response.headers["Upgrade"] = "websocket"
    if status == 503:
        response.headers["Retry-After"] = "1"
    return response


def from_error(error: errors.BookstoreError) -> Response:
    """Return the problem of one of our own errors."""
    made = problem(status_of(type(error)), error.code, error.title, error.detail, error.extra)
    # What RFC 6750 3.1 has words for.
    if isinstance(error, errors.InsufficientScope):
        more = f'error="insufficient_scope", scope="{error.extra["scope"]}"'
        made.headers["WWW-Authenticate"] = f"{_CHALLENGE}, {more}"
    if isinstance(error, errors.AmbiguousCredentials):
        made.headers["WWW-Authenticate"] = f'{_CHALLENGE}, error="invalid_request"'
    if isinstance(error, errors.TokenExpired | errors.TokenRevoked | errors.ApiKeyInvalid):
        made.headers["WWW-Authenticate"] = f'{_CHALLENGE}, error="invalid_token"'
    if isinstance(error, errors.PartUnavailable | errors.RateLimited):
        made.headers["Retry-After"] = str(error.retry_after)
    return made


def from_http(error: HTTPException) -> BaseResponse:
    """Return the problem of an HTTP error, keeping the headers it asks for (Allow …)."""
    status = error.code or 500
    if status < 400:  # werkzeug redirects by raising, too
        return BaseResponse.force_type(error.get_response(request.environ))
    data = getattr(error, "data", None) or {}
    extra = {}
    detail, title = error.description or "", error.name
    if "messages" in data:
        title = errors.Invalid.title
        extra["errors"] = flatten(data["messages"])
        detail = "Some fields are not valid; see errors."
    if status >= 500:
        detail = "Something went wrong on our side; the request id helps us to find it."
    response = problem(status, HTTP_CODES.get(status, "error"), title, detail, extra)
    for name, value in error.get_headers(request.environ):
        if name.lower() in {"allow", "retry-after", "www-authenticate", "location"}:
            response.headers[name] = value
    return response


def flatten(messages: Any) -> dict[str, list[str]]:
    """Turn webargs' {location: {field: …}} into {dotted field: [messages]}."""
    flat: dict[str, list[str]] = {}

    def walk(path: str, node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                name = "" if key == "_schema" else str(key)
                walk(".".join(part for part in (path, name) if part), value)
        else:
            found = node if isinstance(node, list) else [node]
            flat.setdefault(path or "body", []).extend(str(message) for message in found)

    for value in messages.values() if isinstance(messages, dict) else [messages]:
        walk("", value)
    return flat


def _database_trouble(error: Exception) -> Response:
    # Locked, restarted, out of connections: the client may try again; the cause goes to the log.
    lost = isinstance(error, OperationalError | PoolTimeout)
    if isinstance(error, DBAPIError) and not lost and not error.connection_invalidated:
        raise error
    log.error("database unavailable", exc_info=error)
    return problem(
        503, "unavailable", "Service unavailable", "The database is busy or away; try again."
    )


def init_app(app: Flask, shapes: Mapping[str, Shape]) -> None:
    """Answer every error of ``app`` as a problem; below a path of ``shapes``, in that shape."""
    app.extensions["problem_shapes"] = shapes
    app.register_error_handler(errors.BookstoreError, from_error)
    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(DBAPIError, _database_trouble)
    app.register_error_handler(PoolTimeout, _database_trouble)
