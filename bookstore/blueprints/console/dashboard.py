"""The console's first page: how the shop is doing."""

from flask import Blueprint, Response

from bookstore.blueprints.console.entrance import staff
from bookstore.blueprints.console.pages import page

MENU = "Dashboard"
blp = Blueprint("dashboard", __name__)


@blp.get("/")
@staff
def index() -> Response:
    """Return the page."""
    return page("console/dashboard.html")
