"""The OpenAPI documents, Swagger UI from its wheel, and what each problem code means."""

import importlib.resources
import inspect
from typing import Any

from flask import Blueprint, Response, current_app, render_template, send_from_directory

from bookstore import errors, problems
from bookstore.blueprints.answers import html_page, json_response

blp = Blueprint("docs", __name__)


@blp.get("/api/<any(v1, v2):version>/openapi.json")
def openapi(version: str) -> Response:
    """Return the OpenAPI 3.1 document of a version."""
    return json_response(current_app.extensions["openapi"][version])


@blp.get("/api/<any(v1, v2):version>/docs")
def swagger(version: str) -> Response:
    """Return Swagger UI for a version; every script and style comes from the wheel, by this
    server."""
    title = f"Bookstore API {version}"
    return html_page("swagger.html", {"img-src": "data:"}, title=title, document="openapi.json")


@blp.get("/api/docs-assets/<path:name>")
def asset(name: str) -> Response:
    """Return one of Swagger UI's files."""
    folder = importlib.resources.files("flask_swagger_ui") / "dist"
    return send_from_directory(str(folder), name, max_age=86400)


@blp.get("/api/docs-start.js")
def start_script() -> Response:
    """Return the few lines that start Swagger UI (a file, since the policy forbids inline)."""
    return Response(render_template("swagger.js"), content_type="text/javascript; charset=utf-8")


@blp.get("/problems/<code>")
def explain(code: str) -> Response:
    """Explain a problem code: what a problem's ``type`` points to."""
    found = explanations().get(code)
    if found is None:
        raise errors.NotFound(f"There is no problem {code}.")
    return json_response(found)


# What HTTP itself refuses, and what is ours: nobody raises a class of the tree for these.
_OF_HTTP = {
    "bad_request": (
        "The request cannot be read: its JSON is broken, nested too deeply or too large in number.",
        "Correct the body; repeating it as it is will not help.",
    ),
    "method_not_allowed": (
        "There is such an address, but nothing that this method could do there.",
        "Use one of the methods that the header `Allow` lists.",
    ),
    "not_acceptable": (
        "`Accept` asks for a version of the API that there is not.",
        "Ask for `version=v2`, or put the version into the path.",
    ),
    "request_timeout": (
        "The request did not arrive within the time that the server waits for it.",
        "Repeat it, with the same `Idempotency-Key` if it had one.",
    ),
    "length_required": (
        "The body has no `Content-Length`.",
        "Send one; clients do so by themselves unless they stream the body.",
    ),
    "body_too_large": (
        "The body is larger than 1 MiB (a cover: 10 MB).",
        "Send less, or in several requests.",
    ),
    "uri_too_long": (
        "The address is too long.",
        "Shorten the query: fewer filters, or a new cursor.",
    ),
    "unsupported_media_type": (
        "The body is not said to be JSON.",
        "Send `Content-Type: application/json`.",
    ),
    "expectation_failed": (
        "The header `Expect` asks for what the server does not do.",
        "Leave the header away.",
    ),
    "headers_too_large": (
        "The headers are too many or too long.",
        "Leave away what the shop does not need, such as cookies of other programs.",
    ),
    "internal_error": (
        "Something went wrong on our side.",
        "Tell whoever runs the shop the `request_id`: it finds the fault in the log.",
    ),
    "not_implemented": (
        "The server does not know this method.",
        "Use one of those in the OpenAPI document.",
    ),
    "unavailable": (
        "The database is busy or away.",
        "Repeat after `Retry-After`, with the same `Idempotency-Key` if it had one.",
    ),
}


def explanations() -> dict[str, dict[str, Any]]:
    """Return code → {code, status, title, detail, remedy} of every refusal there is.

    ``detail`` says why, ``remedy`` what to do: the first line and the next paragraph of the
    class's docstring.
    """
    found: dict[str, dict[str, Any]] = {}

    def walk(kind: type[errors.BookstoreError]) -> None:
        detail, _, remedy = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")
        found[kind.code] = {
            "code": kind.code,
            "status": problems.status_of(kind),
            "title": kind.title,
            "detail": detail,
            "remedy": " ".join(remedy.split()),
        }
        for child in kind.__subclasses__():
            walk(child)

    for branch in errors.BookstoreError.__subclasses__():
        walk(branch)
    for status, code in problems.HTTP_CODES.items():
        if code not in found:
            title, (detail, remedy) = code.replace("_", " "), _OF_HTTP[code]
            found[code] = {
                "code": code,
                "status": status,
                "title": title,
                "detail": detail,
                "remedy": remedy,
            }
    return found
