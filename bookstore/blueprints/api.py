"""What every API route shares: parsing, problems, ETags, idempotency, pages."""

import hashlib
from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any
from urllib.parse import unquote_to_bytes

import flask_smorest
import marshmallow as ma
import orjson
from flask import Response, current_app, g, make_response, request
from webargs.flaskparser import FlaskParser
from werkzeug import exceptions
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from bookstore import auth, errors, problems
from bookstore.schemas.common import Problem
from bookstore.services import idempotency
from bookstore.services.idempotency import Answer

GUEST_KEY_LENGTH = 16
_KEPT_HEADERS = ("Content-Type", "Location", "ETag", "X-Cart-Token", "Link")


class Parser(FlaskParser):
    """webargs, but nothing unknown passes and a body is JSON or refused."""

    DEFAULT_UNKNOWN_BY_LOCATION = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": ma.RAISE,
        "json": ma.RAISE,
    }

    def load_json(self, req: Any, schema: ma.Schema) -> Any:
        """Return the parsed body; an empty one counts as ``{}``."""
        raw = raw_body(req)
        if not raw:
            return {}
        if not (req.mimetype == "application/json" or req.mimetype.endswith("+json")):
            raise exceptions.UnsupportedMediaType("Send the body as application/json.")
        if req.content_length is None and len(raw) >= req.max_content_length:
            # werkzeug cuts a chunked body off at the limit and says nothing.
            raise exceptions.RequestEntityTooLarge
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise exceptions.BadRequest(f"The body is not JSON: {error}.") from None


def raw_body(req: Any) -> bytes:
    """Return the body, byte for byte; BadRequest when it cannot be read."""
    try:
        return bytes(req.get_data())
    except exceptions.HTTPException:
        raise
    except Exception as error:
        # Each server has errors of its own for broken chunks; whatever reading raises is the
        # sender's doing.
        raise exceptions.BadRequest(f"The body cannot be read: {error}.") from None


class Blueprint(flask_smorest.Blueprint):
    """A smorest blueprint with our parser; notes which views read the query string."""

    ARGUMENTS_PARSER = Parser()

    def arguments(self, schema: Any, *, location: str = "json", **kwargs: Any) -> Any:
        """Parse one location with ``schema`` and hand the result to the view."""
        # An instance: from a class, webargs would build one at every request.
        shape = schema() if isinstance(schema, type) else schema
        decorate = super().arguments(shape, location=location, **kwargs)

        def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
            wrapped: Callable[..., Any] = decorate(view)
            if location == "query":
                wrapped.takes_query = True  # type: ignore[attr-defined]
            return wrapped

        return decorator


class Api(flask_smorest.Api):
    """A smorest API whose errors are problems."""

    ERROR_SCHEMA = Problem

    def handle_http_exception(self, error: HTTPException) -> BaseResponse:
        """Answer with a problem."""
        return problems.from_http(error)


def requires(
    access: auth.Access, *, by_ticket: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Admit (see ``auth.requires``), refuse unknown query parameters, document who may."""

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if request.query_string:
                _check_query(takes_any=hasattr(view, "takes_query"))
            return view(*args, **kwargs)

        admitted = auth.requires(access, by_ticket=by_ticket)(checked)
        security: list[dict[str, list[str]]] = [{"bearer": []}]
        if access == "visitor":
            security.append({})
        document(admitted, security=[] if access == "anyone" else security)
        return admitted

    return decorator


def _check_query(*, takes_any: bool) -> None:
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError:
        raise exceptions.BadRequest("The query string is not UTF-8.") from None
    if not takes_any and request.args:
        raise errors.Invalid({name: ["Unknown field."] for name in request.args})
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise errors.Invalid({name: ["Given more than once."] for name in twice})


def document(view: Callable[..., Any], **operation: Any) -> None:
    """Add members to the view's OpenAPI operation."""
    apidoc = deepcopy(getattr(view, "_apidoc", {}))
    manual = apidoc.setdefault("manual_doc", {})
    for name, value in operation.items():
        if isinstance(value, list) and name == "parameters":
            manual[name] = [*manual.get(name, []), *value]
        else:
            manual[name] = value
    view._apidoc = apidoc  # type: ignore[attr-defined]


# -- idempotency --------------------------------------------------------------------------------
def idempotent(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let clients repeat this request under an ``Idempotency-Key``; goes below ``arguments``."""

    @wraps(view)
    def once(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(*args, **kwargs)
        scope = _scope(key)
        if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
            raise errors.Invalid({"Idempotency-Key": ["1 to 255 printable ASCII characters."]})
        answer = idempotency.run(
            idempotency.Request(
                scope=scope,
                route=f"{request.method} {request.path}"[:200],
                key=key,
                fingerprint=idempotency.fingerprint(
                    current_app.config["SECRET_KEY"],
                    request.method.encode(),
                    request.full_path.encode(),
                    raw_body(request),
                ),
            ),
            work=lambda: _answer(make_response(view(*args, **kwargs))),
            refused=lambda error: _answer(problems.from_error(error)),
        )
        response = Response(answer.body, answer.status, answer.headers)
        if answer.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    document(
        once,
        parameters=[
            {
                "in": "header",
                "name": "Idempotency-Key",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "Repeat the request with the same key and get the first answer, "
                "for 24 hours. 409 while the first still runs; 422 with another body. "
                f"For the first item of a guest's cart: at least {GUEST_KEY_LENGTH} characters.",
            }
        ],
    )
    return once


def _scope(key: str) -> str:
    """Return what keeps one client's keys apart from all others'."""
    actor = auth.current_actor()
    if actor.id is not None:
        return f"user:{actor.id}"
    if actor.cart_token:
        return f"cart:{hashlib.sha256(actor.cart_token.encode()).hexdigest()[:40]}"
    # A client nobody knows yet shares its address with others, behind a proxy with all. Where
    # the answer hands out a cart, the key alone tells guests apart: not by chance another's.
    if request.path.endswith("/cart/items") and len(key) < GUEST_KEY_LENGTH:
        problem = f"At least {GUEST_KEY_LENGTH} characters (say, a UUID) from a new guest."
        raise errors.Invalid({"Idempotency-Key": [problem]})
    return f"address:{request.remote_addr}"


def _answer(response: Response) -> Answer:
    set_etag(response)
    headers = {k: response.headers[k] for k in _KEPT_HEADERS if k in response.headers}
    return Answer(response.status_code, headers, response.get_data())


# -- conditional requests -----------------------------------------------------------------------
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
        "schema": {"type": "string"},
        "description": "The ETag of the version being changed, or `*`.",
    }
    document(view, parameters=[parameter])
    return view


def finish(response: Response) -> Response:
    """After each request: ETag and 304, and caching that fits who may see the answer."""
    # smorest writes `null`; there must be nothing.
    if response.status_code == 204 or (response.status_code == 202 and response.data == b"null"):
        response.set_data(b"")
        del response.headers["Content-Type"]
    if request.method in {"GET", "HEAD"} and response.status_code == 200:
        set_etag(response)
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
    response.vary.update(["Authorization", "X-Cart-Token"])
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
    return response
