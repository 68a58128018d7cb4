"""The OpenAPI documents, Swagger UI from its wheel, and what each problem code means."""

import importlib.resources
from typing import Any

from flask import Blueprint, Response, current_app, render_template, send_from_directory
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as BaseResponse

from bookstore import errors, problems
from bookstore.blueprints.answers import html_page, json_response

blp = Blueprint("docs", __name__)


@blp.get("/")
def home() -> BaseResponse:
    """Lead whoever opens the shop's address in a browser to the documents."""
    return redirect("/api/v2/docs")


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


def explanations() -> dict[str, dict[str, Any]]:
    """Return code → {code, status, title, detail} of every refusal there is."""
    found: dict[str, dict[str, Any]] = {}

    def walk(kind: type[errors.BookstoreError]) -> None:
        text = (kind.__doc__ or "").strip().splitlines()[0]
        status = problems.status_of(kind)
        found[kind.code] = {
            "code": kind.code,
            "status": status,
            "title": kind.title,
            "detail": text,
        }
        for child in kind.__subclasses__():
            walk(child)

    for branch in errors.BookstoreError.__subclasses__():
        walk(branch)
    for status, code in problems.HTTP_CODES.items():
        found.setdefault(code, {"code": code, "status": status, "title": code.replace("_", " ")})
    return found
