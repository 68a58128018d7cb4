"""What the generated OpenAPI document lacks: problems, headers, names, a text to begin with."""

import re
from collections.abc import Iterator
from typing import Any

from flask import Flask
from flask_smorest import Api

from bookstore import problems
from bookstore.blueprints import limits, openapi_links, openapi_shapes, openapi_webhooks

_PREFIX = "/api/v2"
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key of `POST /api/v2/me/api-keys`. Each operation names the scope that "
        "the key needs; those that do not take `apiKey` need a login.",
    },
}

_ABOUT = """\
**Errors** are RFC 9457 `application/problem+json`: branch on `code`; on 422 `errors` maps each
field to its messages. Unknown fields and query parameters are refused.

**Money** is a decimal string (`"19.99"`), **time** RFC 3339 in UTC.

**Pages**: `limit` and `cursor`; the answer is `{"data", "next_cursor"}`, and `Link: rel="next"`
leads on until `next_cursor` is null. Rows that come or go meanwhile neither repeat nor hide others.

**Conditional requests**: every GET has a strong `ETag`; `If-None-Match` answers 304. `If-Match`
is required to change books, rates and the like: 428 without, 412 when they have changed meanwhile.

**Idempotency**: repeat a POST with the same `Idempotency-Key` and get the first answer again.

**Limits**: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers) and
`X-RateLimit-…` say what may be asked and what is left of it; whoever asks more gets 429.

**Logging in**: `POST /api/v2/auth/token`, then `Authorization: Bearer <access>`. A guest has a
cart by the `X-Cart-Token` that the first write answers. Programs send `X-API-Key: <key>` instead of
`Authorization` (not both): a key of `POST /api/v2/me/api-keys`, which acts for whoever made it.
"""

_TAGS = {"authors": "Who writes", "categories": "Shelves", "publishers": "Who publishes"}

_TEXTS = {
    400: "The body is not JSON, or the query string not text",
    401: "No login, or one that is no longer good",
    403: "Only for others, or not by this API key",
    404: "There is no such resource (another user's counts as none)",
    409: "Not in the present state; `code` says why",
    412: "Changed since the ETag in If-Match",
    413: "The body is larger than 1 MiB",
    415: "The body is not application/json",
    422: "Some input is not valid: `errors` names it",
    428: "If-Match is missing",
    429: "Too many requests in a while: ask again after `Retry-After`; or (`too_many_sockets`, "
    "without that header) as many as may be at once",
    501: "Not by this server: see `code`",
    503: "The database is busy or away: try again",
}

_VERSIONED = (
    *("/books", "/authors", "/categories", "/publishers"),
    *("/coupons", "/shipping-methods", "/tax-rates"),
)
_WITH_LOCATION = (
    *_VERSIONED,
    "/orders",
    "/webhooks/endpoints",
    "/webhooks/endpoints/{endpoint_id}/test",
    "/reports/books/{book_id}",
    "/recommendations/fits",
    "/catalog/imports",
    "/catalog/price-updates",
    "/catalog/price-updates/{update_id}/apply",
    "/catalog/price-updates/{update_id}/undo",
)


def describe(api: Api, app: Flask) -> dict[str, Any]:
    """Return the finished document of ``api``."""
    document: dict[str, Any] = api.spec.to_dict()
    document["info"]["description"] = _ABOUT
    document["servers"] = [{"url": "/"}]
    document["webhooks"] = openapi_webhooks.describe()
    _add_components(document["components"])
    openapi_shapes.complete(document)
    found = endpoints(app)
    for path, method, operation in operations(document):
        operation["operationId"] = found[path, method].replace(".", "_")
        # A title of one line, whatever the width of the docstring.
        operation["summary"] = " ".join(operation["summary"].split())
        if found[path, method] not in limits.EXEMPT:
            operation["responses"]["429"] = {"$ref": "#/components/responses/429"}
        for status in _refusals(path, method, operation):
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
        tell_scope(operation)
        _add_headers(path.removeprefix(_PREFIX), method, operation)
        if path.startswith(f"{_PREFIX}/reports/") and method == "get":
            operation["responses"]["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
        if path.endswith("/rows"):
            operation["responses"]["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
        if path.endswith("/files/{name}"):
            for kind in ("text/csv", "application/json"):
                operation["responses"]["200"]["content"][kind] = {"schema": {}}
    openapi_links.add(document, _PREFIX)
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    tags = {tag["name"]: tag for tag in document["tags"]}
    tags |= {name: {"name": name, "description": text} for name, text in _TAGS.items()}
    document["tags"] = [tag for name, tag in tags.items() if name in used]
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (path, method, operation) of a document."""
    for path, members in document["paths"].items():
        for method, operation in members.items():
            if method != "parameters":
                yield path, method, operation


def tell_scope(operation: dict[str, Any]) -> None:
    """Say in an operation's text what an API key needs for it."""
    for way in operation["security"]:
        for scope in way.get("apiKey", ()):
            told = [operation.get("description", ""), f"An API key needs the scope `{scope}`."]
            operation["description"] = "\n\n".join(text for text in told if text)


def endpoints(app: Flask) -> dict[tuple[str, str], str]:
    """Return the endpoint of each (path as documents have it, method)."""
    return {
        (re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule.rule), method.lower()): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


def _add_components(components: dict[str, Any]) -> None:
    components["securitySchemes"] = SECURITY
    components["schemas"].pop("PaginationMetadata", None)
    problem = {problems.MIMETYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        str(status): {"description": text, "content": problem} for status, text in _TEXTS.items()
    }
    components["responses"]["401"]["headers"] = header("WWW-Authenticate", "`Bearer`.")
    components["responses"]["429"]["headers"] = dict(OF_LIMITS)
    components["responses"]["503"]["headers"] = header("Retry-After", "Seconds.")
    components["responses"]["DEFAULT_ERROR"] = {
        "description": "Any other refusal",
        "content": problem,
    }


def _refusals(path: str, method: str, operation: dict[str, Any]) -> list[int]:
    found = {400, 422, 503}
    if operation["security"] or "/auth/" in path:
        found.add(401)
    if operation["security"]:
        found.add(403)
    if _takes(operation, "all"):
        found.add(403)
    if "{" in path:
        found.add(404)
    found |= {412} if method in {"get", "patch", "delete"} else set()
    found |= {404, 409} if method != "get" else set()
    found |= {413, 415} if "requestBody" in operation else set()
    found |= {428} if _takes(operation, "If-Match") else set()
    found |= {501} if path.endswith("/stream") else set()
    return sorted(found)


def _add_headers(path: str, method: str, operation: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    versioned = path.split("/{")[0] in _VERSIONED and path.count("/") <= 2
    good = next(
        status for status in ("200", "201", "202", "204") if status in operation["responses"]
    )
    headers: dict[str, Any] = {}
    tagged = "application/json" in operation["responses"][good].get("content", {})
    if method == "get" and tagged:
        parameters.append(_parameter("If-None-Match", "An ETag: 304 while it still holds."))
        operation["responses"]["304"] = {"description": "As the ETag in If-None-Match has it"}
    elif method == "delete" and versioned:
        parameters.append(_parameter("If-Match", "Remove this version only."))
        parameters[-1]["schema"] = {"type": "string", "minLength": 1}
    if tagged and (method == "get" or (versioned and method in {"post", "patch"})):
        headers |= header("ETag", "Strong; stands for this very answer.")
    if _takes(operation, "cursor"):
        headers |= header("Link", '`rel="next"`, unless this is the last page.')
    if (method, path) == ("get", "/jobs/{job_id}"):
        headers |= header("Retry-After", "Seconds; while the job is not over.")
    if method == "post" and path in _WITH_LOCATION:
        headers |= header("Location", "Where the new resource is.")
    if _takes(operation, "Idempotency-Key"):
        headers |= header("Idempotency-Replayed", "`true` on an answer given before.")
    if path.startswith("/cart") or path == "/auth/token":
        parameters.append(_parameter("X-Cart-Token", "A guest's cart."))
    if (method, path) in {("post", "/cart/items"), ("put", "/cart/coupon")}:
        headers |= header("X-Cart-Token", "A guest's new cart: send it from now on.")
    if headers:
        operation["responses"][good]["headers"] = headers


def _takes(operation: dict[str, Any], name: str) -> bool:
    return any(found.get("name") == name for found in operation.get("parameters", []))


def _parameter(name: str, text: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "schema": {"type": "string"}, "description": text}


def header(name: str, text: str) -> dict[str, Any]:
    """Return a documented header of an answer."""
    return {name: {"description": text, "schema": {"type": "string"}}}


OF_LIMITS = {
    **header("Retry-After", "Seconds."),
    **header("RateLimit-Policy", 'Each rate: `"burst";q=60;w=60` is 60 in 60 seconds.'),
    **header("RateLimit", "The one with the fewest left: how many, and for how many seconds."),
    **header("X-RateLimit-Limit", "Of the same: how many in all."),
    **header("X-RateLimit-Remaining", "How many are left."),
    **header("X-RateLimit-Reset", "When there will be more, in seconds of Unix time."),
}
