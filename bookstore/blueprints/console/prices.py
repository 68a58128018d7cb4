"""Prices: found, and changed one by one."""

from typing import Any

from flask import Blueprint, Response, url_for

from bookstore import auth, money
from bookstore.blueprints.console.entrance import staff, staff_asking
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import done, page
from bookstore.extensions import settings
from bookstore.schemas.console.prices import PriceFilters, PriceForm
from bookstore.services import catalog_editing, stock_levels
from bookstore.services.paging import Page

MENU = "Prices"
blp = Blueprint("prices", __name__, url_prefix="/prices")


@blp.get("/")
@staff_asking(PriceFilters)
def index() -> Response:
    """Return the list of books with their prices."""
    form, found = Form.asked(PriceFilters), Page([], None)
    with form:
        filters = form.load()
        filters.pop("cursor", None)
        found = stock_levels.list_books(auth.current_actor(), form.page_request, **filters)
    return page("console/prices.html", form.status, form=form, found=found)


@blp.get("/<id:book_id>")
@staff
def book(book_id: int) -> Response:
    """Return the form that changes a price."""
    return _show(book_id, None)


@blp.post("/<id:book_id>")
@staff
def change(book_id: int) -> Any:
    """Change a price, unless the book was changed since the form was made."""
    form = Form.sent(PriceForm)
    with form:
        wanted = form.load()
        catalog_editing.update_book(
            auth.current_actor(), book_id, {"price": wanted["price"]}, version=form.version
        )
        return done("The price is changed.", url_for("console.prices.book", book_id=book_id))
    return _show(book_id, form)


def _show(book_id: int, form: Form | None) -> Response:
    found = stock_levels.get(auth.current_actor(), book_id)
    form = form or Form.of(PriceForm, price=money.to_text(found["price"], settings().currency))
    return page("console/price.html", form.status, book=found, form=form)
