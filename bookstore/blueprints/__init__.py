"""Which blueprint hangs where, and which versions are deprecated: ``VERSIONS``.

| version | prefix | modules | state |
|---|---|---|---|
| v1 | /api/v1 | ``v1.BLUEPRINTS`` | deprecated |
| v1 | /api | ``v1.UNVERSIONED`` | deprecated: tokens, as its clients ask for them |
| v2 | /api/v2 | ``v2.BLUEPRINTS`` | current |
| (by Accept) | /api | as above | ``versioning.Negotiation`` |
| (none) | / | ``graphql``, ``health``, ``docs``, ``metrics`` | not versioned |
| (none) | / | ``storefront``, ``tracker``, ``checkout``, ``sandbox`` | pages of the shop's own |
| (none) | /admin | ``console`` | the staff's pages |
| (none) | /internal | ``internal`` | between the shop's parts |
| (none) | / | ``storage`` | covers, and the embedded store |

A process that is only a part of the shop has only its own: ``parts.PART``.
"""

from dataclasses import replace
from datetime import date
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Response, request
from flask.globals import request_ctx
from werkzeug.exceptions import NotAcceptable
from werkzeug.routing import IntegerConverter
from werkzeug.wrappers import Response as BaseResponse

from bookstore import logs
from bookstore.blueprints import (
    checkout,
    compression,
    console,
    docs,
    freshness,
    graphql,
    health,
    internal,
    limits,
    measuring,
    metrics,
    openapi,
    openapi_v1,
    parts,
    queries,
    ready,
    refusals,
    sandbox,
    storage,
    storefront,
    tracker,
    transport,
    v1,
    v2,
    versioning,
)
from bookstore.blueprints.api import Api
from bookstore.blueprints.conditional import finish
from bookstore.blueprints.v1.base import Api as ApiOfV1, refusal as v1_refusal
from bookstore.config import Settings
from bookstore.config.parts import PARTS

# The last one is the current one.
VERSIONS = (
    versioning.Version(
        "v1", v1.BLUEPRINTS, deprecated=date(2026, 11, 1), sunset=date(2027, 12, 31)
    ),
    versioning.Version("v2", v2.BLUEPRINTS),
)
UNVERSIONED = (
    health.blp,
    metrics.blp,
    docs.blp,
    graphql.blp,
    storefront.blp,
    tracker.blp,
    checkout.blp,
    console.blp,
    sandbox.blp,
    storage.blp,
    internal.catalog,
    internal.orders,
    internal.users,
)
# Where v1's tokens are, and the shape of refusals below each prefix.
_TOKENS = "/api/token"
SHAPES = {"/api/v1/": v1_refusal, _TOKENS: v1_refusal}


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
    # Or werkzeug redirects to the same path on whatever host the client named, which caches keep.
    app.url_map.merge_slashes = False
    measuring.init_app(app)
    app.before_request(_start)
    app.before_request(limits.begin)
    app.after_request(_end)
    for blueprint in UNVERSIONED:
        if parts.is_here(blueprint, app.config["SETTINGS"]):
            app.register_blueprint(blueprint)
    hung = {version.name: _hang(app, version) for version in VERSIONS}
    app.extensions["openapi"] = _documents(app, hung)
    names = [version.name for version in VERSIONS]
    app.wsgi_app = ready.Front(app)  # type: ignore[method-assign]
    app.wsgi_app = versioning.Negotiation(app.wsgi_app, names, names[-1])  # type: ignore[method-assign]


def _hang(app: Flask, version: versioning.Version) -> Api:
    """Hang up the blueprints of a version that are served here."""
    key = version.name.upper()
    app.config[f"{key}_API_TITLE"] = "Bookstore API"
    app.config[f"{key}_API_VERSION"] = version.name
    app.config[f"{key}_OPENAPI_VERSION"] = "3.1.0"
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    kind = ApiOfV1 if version.deprecated else Api
    api = kind(app, config_prefix=key, spec_kwargs={"marshmallow_plugin": plugin})
    settings = app.config["SETTINGS"]
    for blueprint in version.blueprints:
        if parts.is_here(blueprint, settings):
            api.register_blueprint(blueprint, url_prefix=version.prefix)
    if version.deprecated:
        for blueprint in v1.UNVERSIONED:
            if parts.is_here(blueprint, settings):
                api.register_blueprint(blueprint, url_prefix="/api")
    return api


def _documents(app: Flask, hung: dict[str, Api]) -> dict[str, dict[str, Any]]:
    """Return the OpenAPI document of each version: of the whole shop, whatever part is here."""
    settings: Settings = app.config["SETTINGS"]
    if settings.parts < frozenset(PARTS):
        app = Flask("bookstore", static_folder=None)
        app.url_map.converters["id"] = IdConverter
        app.url_map.strict_slashes = False
        app.config["SETTINGS"] = replace(settings, bookstore_services="all")
        hung = {version.name: _hang(app, version) for version in VERSIONS}
    return {
        version.name: (openapi_v1 if version.deprecated else openapi).describe(
            hung[version.name], app
        )
        for version in VERSIONS
    }


def _schema_name(schema: Any) -> str:
    """Name a shape in the document: BookSchema → Book, partial BookInput → BookChanges."""
    kind = schema if isinstance(schema, type) else type(schema)
    name = kind.__name__.removesuffix("Schema")
    if getattr(schema, "partial", False):
        return name.removesuffix("Input").removesuffix("Schema") + "Changes"
    return name


def _start() -> BaseResponse | None:
    answer = transport.begin()
    if answer is not None:
        return answer
    if versioning.REFUSED in request.environ:
        known = ", ".join(version.name for version in VERSIONS)
        raise NotAcceptable(f"Accept asks for a version that there is not; there are {known}.")
    queries.refuse_unknown()
    return None


def _end(response: Response) -> Response:
    asked = request_ctx.request
    response = refusals.finish(limits.finish(response))
    freshness.finish(response)
    if asked.path.startswith("/api/"):
        response = finish(response)
        versioning.announce(response, VERSIONS, [_TOKENS])
    elif (encoding := compression.choose(response)) is not None:
        compression.compress(response, encoding)
    response.headers.add("X-Request-ID", logs.request_id.get())
    transport.finish(response)
    ready.keep(response)
    measuring.log_answer(
        asked.environ,
        asked.method,
        asked.path,
        response.status_code,
        response.content_length,
    )
    return response
