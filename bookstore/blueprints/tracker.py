"""The shop's own pages, clients of the API like any other.

The order tracker follows one order live; the others are where mails lead that are about a forgotten
password or an address to verify.
"""

import importlib.resources

from flask import Blueprint, Response, send_from_directory

from bookstore.blueprints.answers import html_page

blp = Blueprint("tracker", __name__)


@blp.get("/track/<number>")
def page(number: str) -> Response:
    """Return the page. It says nothing of the order: who opens it logs in first."""
    return html_page("track.html", number=number[:20])


@blp.get("/reset-password")
def reset() -> Response:
    """Return the page that sets a new password; its token stands behind the ``#``."""
    return html_page("reset.html")


@blp.get("/verify-email")
def verify() -> Response:
    """Return the page that verifies an address; its token stands behind the ``#``."""
    return html_page("verify.html")


@blp.get("/track/assets/<path:name>")
def asset(name: str) -> Response:
    """Return the page's script or style."""
    folder = importlib.resources.files("bookstore") / "static"
    return send_from_directory(str(folder), name, max_age=300)
