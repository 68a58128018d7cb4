"""What the generated OpenAPI document of v1 lacks."""

from typing import Any

from flask import Flask
from flask_smorest import Api

from bookstore.blueprints import openapi_shapes
from bookstore.blueprints.openapi import (
    OF_LIMITS,
    SECURITY,
    endpoints,
    header,
    operations,
    tell_scope,
)

_ABOUT = """\
**Deprecated.** Each call says which one of API v2 takes its place, and so does every answer: by
`Deprecation` (RFC 9745), `Sunset` (RFC 8594) with the day on which v1 ends, `Link` with
`rel="successor-version"`, and `Warning`.

This is the shape of a Django REST Framework bookstore. Paths end with a slash, and work without.
Bodies are JSON or forms. Unknown fields and parameters are passed over.

**Errors**: 400 with the messages by field for input that is not valid, 400 `{"error": …}` for what
the state of things forbids, `{"detail": …}` for all else.

**Limits**: as in v2, by the same headers; whoever asks more gets 429 with `{"detail": …}`.

**Pages**: `page` and `page_size`; the answer is `{"count", "next", "previous", "results"}`.

**Logging in**: `POST /api/token/`, then `Authorization: Bearer <access>`. Or, for programs, a key
of `POST /api/v2/me/api-keys` as `X-API-Key`.
"""

_TEXTS = {
    400: "Some input is not valid, or the state of things forbids it",
    401: "No login, or one that is no longer good",
    403: "Only for others, or not by this API key",
    404: "There is no such resource (another user's counts as none), or no such page",
    412: "Changed since the ETag in If-Match",
    413: "The body is larger than 1 MiB",
    415: "The body is neither JSON nor a form",
    429: "Too many requests in a while: ask again after `Retry-After`",
    503: "The database or the payment provider is busy or away: try again",
}
_HEADERS = {
    **header("Deprecation", "Since when, as `@` and seconds of Unix time (RFC 9745)."),
    **header("Sunset", "When it ends (RFC 8594)."),
    **header("Link", '`rel="successor-version"`: what takes its place.'),
    **header("Warning", "The same for people."),
}


def describe(api: Api, app: Flask) -> dict[str, Any]:
    """Return the finished document of ``api``."""
    document: dict[str, Any] = api.spec.to_dict()
    document["info"]["description"] = _ABOUT
    document["servers"] = [{"url": "/"}]
    openapi_shapes.translate(document)
    components = document["components"]
    components["securitySchemes"] = SECURITY
    components["schemas"].pop("PaginationMetadata", None)
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    components["responses"] = {
        str(status): {"description": text, "content": refusal} for status, text in _TEXTS.items()
    }
    components["responses"]["401"]["headers"] = header("WWW-Authenticate", "`Bearer`.")
    components["responses"]["429"]["headers"] = dict(OF_LIMITS)
    components["responses"]["503"]["headers"] = header("Retry-After", "Seconds.")
    components["responses"]["DEFAULT_ERROR"] = {
        "description": "Any other refusal",
        "content": refusal,
    }
    found = endpoints(app)
    for path, method, operation in operations(document):
        endpoint = found[path, method]
        operation["operationId"] = endpoint.removeprefix("v1_").replace(".", "_")
        operation["deprecated"] = True
        tell_scope(operation)
        view: Any = app.view_functions[endpoint]
        verb, _, rest = view.successor.partition(" ")
        told = [operation.get("description", ""), f"In v2: `{verb} /api/v2{rest}`."]
        operation["description"] = "\n\n".join(text for text in told if text)
        _finish(path, method, operation)
    return document


def _finish(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    statuses = {400, 429, 503}
    if operation["security"] or "/token" in path:
        statuses.add(401)
    if operation["security"]:
        statuses.add(403)
    if "{" in path or "page" in _parameters(operation) or method in {"post", "put", "patch"}:
        statuses.add(404)
    if method == "get":
        statuses.add(412)
    if "requestBody" in operation:
        statuses |= {413, 415}
        content = operation["requestBody"]["content"]
        content["application/x-www-form-urlencoded"] = content["application/json"]
        content["multipart/form-data"] = content["application/json"]
    for status in statuses:
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    good = next(status for status in ("200", "201", "204") if status in responses)
    responses[good]["headers"] = dict(_HEADERS)
    if method == "get":
        responses[good]["headers"] |= header("ETag", "Strong; stands for this very answer.")
        responses["304"] = {"description": "As the ETag in If-None-Match has it"}
        parameter = {"in": "header", "name": "If-None-Match", "schema": {"type": "string"}}
        text = {"description": "An ETag: 304 while it still holds."}
        operation.setdefault("parameters", []).append({**parameter, **text})


def _parameters(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", [])}
