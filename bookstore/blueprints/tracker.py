"""The shop's own pages about accounts and orders, clients of the API like any other.

The order tracker follows one order live; others make an account, log in and list orders, or are
where mails lead that are about a forgotten password or an address to verify.
"""

import importlib.resources

from flask import Blueprint, Response, send_from_directory

from bookstore.blueprints.answers import html_page

blp = Blueprint("tracker", __name__)


@blp.get("/track/<number>")
def page(number: str) -> Response:
    """Return the page. It says nothing of the order: who opens it logs in first."""
    return html_page("track.html", number=number[:20])


@blp.get("/orders")
def orders() -> Response:
    """Return the page that lists one's orders."""
    return html_page("orders.html")


@blp.get("/login")
def log_in() -> Response:
    """Return the page where one logs in, and goes on to ``?next=`` (a page of the shop's)."""
    return html_page("login.html")


@blp.get("/register")
def register() -> Response:
    """Return the page where one makes an account, and goes on as after logging in."""
    return html_page("register.html")


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
