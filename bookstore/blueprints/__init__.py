"""Which blueprint hangs where.

| version | prefix | modules | state |
|---|---|---|---|
| v2 | /api/v2 | ``v2.BLUEPRINTS`` | current |
| (none) | / | ``health``, ``docs``, ``metrics`` | not versioned |
| (none) | / | ``tracker``, ``checkout``, ``sandbox`` | pages of the shop's own |
"""

import logging
import re
import secrets
import time
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Response, g, request
from werkzeug.routing import IntegerConverter

from bookstore import logs
from bookstore.blueprints import (
    checkout,
    docs,
    health,
    metrics,
    openapi,
    sandbox,
    tracker,
    v2,
)
from bookstore.blueprints.api import Api, finish

log = logging.getLogger("bookstore.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}")


class IdConverter(IntegerConverter):
    """An id in a path; what no key can be is simply not found."""

    # All here: a bound that only ``max`` knew would make a 405 of what is a 404.
    regex = r"[1-9][0-9]{0,17}"

    def __init__(self, url_map: object) -> None:
        super().__init__(url_map, min=1, max=10**18 - 1)  # type: ignore[arg-type]


def init_app(app: Flask) -> None:
    """Register every route, and what happens around each request."""
    app.url_map.converters["id"] = IdConverter
    app.url_map.strict_slashes = False
    app.before_request(_start)
    app.after_request(_end)
    app.register_blueprint(health.blp)
    app.register_blueprint(metrics.blp)
    app.register_blueprint(docs.blp)
    app.register_blueprint(tracker.blp)
    app.register_blueprint(checkout.blp)
    app.register_blueprint(sandbox.blp)
    app.config.update(
        V2_API_TITLE="Bookstore API",
        V2_API_VERSION="v2",
        V2_OPENAPI_VERSION="3.1.0",
    )
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    api = Api(app, config_prefix="V2", spec_kwargs={"marshmallow_plugin": plugin})
    for blueprint in v2.BLUEPRINTS:
        api.register_blueprint(blueprint, url_prefix="/api/v2")
    app.extensions["openapi_v2"] = openapi.describe(api, app)


def _schema_name(schema: Any) -> str:
    """Name a shape in the document: BookSchema → Book, partial BookInput → BookChanges."""
    kind = schema if isinstance(schema, type) else type(schema)
    name = kind.__name__.removesuffix("Schema")
    if getattr(schema, "partial", False):
        return name.removesuffix("Input").removesuffix("Schema") + "Changes"
    return name


def _start() -> None:
    given = request.headers.get("X-Request-ID", "")
    logs.request_id.set(given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8))
    g.started = time.perf_counter()


def _end(response: Response) -> Response:
    if request.path.startswith("/api/"):
        response = finish(response)
    response.headers["X-Request-ID"] = logs.request_id.get()
    response.headers["X-Content-Type-Options"] = "nosniff"
    log.info(
        "%s %s",
        request.method,
        request.path,
        extra={
            "status": response.status_code,
            "ms": round((time.perf_counter() - g.started) * 1000, 1),
            "bytes": response.content_length,
        },
    )
    return response
