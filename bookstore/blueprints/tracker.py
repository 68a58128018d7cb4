"""The shop's own pages, clients of the API like any other.

The order tracker follows one order live; the other page is where mails about a forgotten
password lead.
"""

import importlib.resources

from flask import Blueprint, Response, render_template, send_from_directory

blp = Blueprint("tracker", __name__)


@blp.get("/track/<number>")
def page(number: str) -> Response:
    """Return the page. It says nothing of the order: who opens it logs in first."""
    return _page("track.html", number=number[:20])


@blp.get("/reset-password")
def reset() -> Response:
    """Return the page that sets a new password; its token stands behind the ``#``."""
    return _page("reset.html")


@blp.get("/track/assets/<path:name>")
def asset(name: str) -> Response:
    """Return the page's script or style."""
    folder = importlib.resources.files("bookstore") / "static"
    return send_from_directory(str(folder), name, max_age=300)


def _page(template: str, **context: str) -> Response:
    body = render_template(template, **context)
    response = Response(body, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
