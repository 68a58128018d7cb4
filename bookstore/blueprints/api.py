"""What every API route shares: parsing, problems, who may."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import flask_smorest
import marshmallow as ma
import orjson
from flask import request
from webargs.flaskparser import FlaskParser
from werkzeug import exceptions
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from bookstore import auth, problems
from bookstore.blueprints import freshness, queries
from bookstore.blueprints.documenting import document
from bookstore.schemas.common import Problem
from bookstore.schemas.loading import takes_several

MAX_DEPTH, MAX_VALUES = 64, 10_000
"""Of a JSON body: arrays and objects inside each other, and values in all."""


class Parser(FlaskParser):
    """webargs, but nothing unknown passes and a body is JSON or refused."""

    DEFAULT_UNKNOWN_BY_LOCATION = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": ma.RAISE,
        "json": ma.RAISE,
    }

    def load_querystring(self, req: Any, schema: ma.Schema) -> Any:
        """Return the parameters."""
        if takes_several(schema):
            return super().load_querystring(req, schema)
        # The first of each name. In werkzeug's own dict each that is not there is an exception.
        return req.args.to_dict()

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
            body = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise exceptions.BadRequest(f"The body is not JSON: {error}.") from None
        # Nearly every body is known to be small without looking into it.
        opened = raw.count(b"[") + raw.count(b"{")
        if opened > MAX_DEPTH or opened + raw.count(b",") >= MAX_VALUES:
            _check_size(body)
        return body


def raw_body(req: Any) -> bytes:
    """Return the body, byte for byte; BadRequest when it cannot be read."""
    try:
        body = bytes(req.get_data())
    except exceptions.HTTPException:
        raise
    except Exception as error:
        # Each server has errors of its own for broken chunks; whatever reading raises is the
        # sender's doing.
        raise exceptions.BadRequest(f"The body cannot be read: {error}.") from None
    # A client that dies in the middle has not sent what it meant to; gunicorn takes what came for
    # all there is.
    if req.content_length is not None and len(body) < req.content_length:
        raise exceptions.BadRequest("The body ends before its Content-Length.")
    return body


def _check_size(body: Any) -> None:
    """Refuse a body that is deeper or has more values than any that makes sense."""
    level, depth, values = [body], 0, 0
    while level:
        values += len(level)
        if values > MAX_VALUES:
            raise exceptions.BadRequest(f"The body has more than {MAX_VALUES} values.")
        nodes = [node for node in level if isinstance(node, dict | list)]
        depth += bool(nodes)
        if depth > MAX_DEPTH:
            raise exceptions.BadRequest(f"The body is nested deeper than {MAX_DEPTH} levels.")
        level = [
            value for node in nodes for value in (node.values() if isinstance(node, dict) else node)
        ]


class Blueprint(flask_smorest.Blueprint):
    """A smorest blueprint with our parser; notes which views read the query string."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(_with_documented_parameters)

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


def _with_documented_parameters(
    doc: dict[str, Any], info: dict[str, Any], **_: Any
) -> dict[str, Any]:
    """Add what ``document`` says of parameters to those of schemas; by itself it replaced them."""
    documented = info.get("manual_doc", {}).pop("parameters", [])
    if documented:
        doc["parameters"] = [*doc.get("parameters", []), *documented]
    return doc


class Api(flask_smorest.Api):
    """A smorest API whose errors are problems."""

    ERROR_SCHEMA: type[ma.Schema] = Problem

    def handle_http_exception(self, error: HTTPException) -> BaseResponse:
        """Answer with a problem."""
        return problems.from_http(error)


def requires(
    access: auth.Access,
    *,
    scope: auth.Needed = None,
    by_ticket: bool = False,
    attempt: str | None = None,
    lax: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Admit (see ``auth.requires``), check the query string, document who may.

    Parameters that are unknown or come twice are refused; if ``lax``, only the unknown ones.
    """

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if request.query_string:
                queries.check_text()
                queries.check_names(takes_any=hasattr(view, "takes_query"), lax=lax)
            freshness.begin()
            return view(*args, **kwargs)

        admitted = auth.requires(access, scope=scope, by_ticket=by_ticket, attempt=attempt)(checked)
        admitted.checks_query = True  # type: ignore[attr-defined]
        security: list[dict[str, list[str]]] = [{"bearer": []}]
        if scope is not None:
            security.append({"apiKey": [] if scope == "by field" else [scope]})
        if access == "visitor":
            security.append({})
        document(admitted, security=[] if access == "anyone" else security)
        return admitted

    return decorator
