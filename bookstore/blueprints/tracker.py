"""The order tracker: a page that follows one order live, a client of the API like any other."""

import importlib.resources

from flask import Blueprint, Response, render_template, send_from_directory

blp = Blueprint("tracker", __name__)


@blp.get("/track/<number>")
def page(number: str) -> Response:
    """Return the page. It says nothing of the order: who opens it logs in first."""
    body = render_template("track.html", number=number[:20])
    response = Response(body, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blp.get("/track/assets/<path:name>")
def asset(name: str) -> Response:
    """Return the page's script or style."""
    folder = importlib.resources.files("bookstore") / "static"
    return send_from_directory(str(folder), name, max_age=300)
