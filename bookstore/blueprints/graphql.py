"""/graphql/: one door for queries and mutations; a page to try them for browsers."""

from typing import Any

import orjson
from flask import Response, make_response, request
from strawberry.http.ides import get_graphql_ide_html
from werkzeug.exceptions import MethodNotAllowed

from bookstore import auth, errors
from bookstore.blueprints import freshness, transport
from bookstore.blueprints.api import Blueprint
from bookstore.blueprints.idempotency import idempotent
from bookstore.extensions import settings
from bookstore.graphql.execution import Request, Result, execute
from bookstore.schemas.graphql import GraphQLRequest

blp = Blueprint("graphql", __name__, description="GraphQL")

_ASSETS = "https://unpkg.com"
_OWN_TYPE = "application/graphql-response+json"


class NotDone(errors.Conflict):
    """Under an Idempotency-Key a request with an error is undone as a whole.

    Correct what `errors` of the answer names, and send the request anew with a new key.
    """

    code = "graphql_not_done"

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


def _refused(error: errors.BookstoreError) -> Response:
    assert isinstance(error, NotDone)  # noqa: S101 - execute raises no other  # nosec B101
    return _response(error.result)


@blp.post("/graphql/")
@auth.requires("visitor", scope="by field")
@blp.arguments(GraphQLRequest)
@idempotent(refused=_refused)
def graphql(body: dict[str, Any]) -> Response:
    """Run an operation.

    With an ``Idempotency-Key`` it is done once and as a whole: an error in one of its mutations
    undoes the others.
    """
    persisted = (body["extensions"] or {}).get("persisted_query") or {}
    result = execute(
        Request(
            query=body["query"],
            sha256=persisted.get("sha256"),
            variables=body["variables"],
            operation_name=body["operation_name"],
            address=request.remote_addr,
        ),
        auth.current_actor(),
    )
    if result.only_reads:
        freshness.only_reads()
    if result.failed and "Idempotency-Key" in request.headers:
        raise NotDone(result)
    return _response(result)


@blp.get("/graphql/")
def page() -> Response:
    """Return GraphiQL to browsers, where the schema may be told; operations are POSTed."""
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    if best != "text/html" or not settings().graphql_is_open:
        raise MethodNotAllowed(["POST"])
    source = settings().graphiql_assets_url or _ASSETS
    html = get_graphql_ide_html("graphiql").replace(_ASSETS, source.rstrip("/"))
    html = html.replace("<script", f'<script nonce="{transport.nonce()}"')
    response = Response(html, content_type="text/html; charset=utf-8")
    origin = "/".join(source.split("/")[:3])
    # Scripts by nonce and hash alone: whoever serves them serves others', too. Its dialogs write
    # styles into the page and know no nonce.
    allowed = {
        "style-src": f"'unsafe-inline' {origin}",
        "font-src": f"data: {origin}",
        "img-src": "data:",
    }
    transport.allow(response, allowed)
    return response


def _response(result: Result) -> Response:
    wanted = request.accept_mimetypes.best_match(["application/json", _OWN_TYPE])
    own = wanted == _OWN_TYPE
    # Only answers of the specification's own type may say by their status what went wrong.
    status = 400 if own and not result.ran else 200
    kind = _OWN_TYPE if own else "application/json"
    response = make_response(orjson.dumps(result.body, default=str), status)
    response.headers["Content-Type"] = f"{kind}; charset=utf-8"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    if result.cart_token is not None:
        response.headers["X-Cart-Token"] = result.cart_token
    return response
