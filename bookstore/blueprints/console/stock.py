"""Stock: found, low, put right, and how it came so."""

from typing import Any

from flask import Blueprint, Response, url_for

from bookstore import auth
from bookstore.blueprints.console.entrance import staff, staff_asking
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import done, page
from bookstore.schemas.console.stock import LedgerFilters, StockFilters, StockForm
from bookstore.services import stock_levels
from bookstore.services.paging import Page

MENU = "Stock"
blp = Blueprint("stock", __name__, url_prefix="/stock")


@blp.get("/")
@staff_asking(StockFilters)
def index() -> Response:
    """Return the list of books with their stock."""
    form, found = Form.asked(StockFilters), Page([], None)
    with form:
        filters = form.load()
        filters.pop("cursor", None)
        found = stock_levels.list_books(auth.current_actor(), form.page_request, **filters)
    return page("console/stock.html", form.status, form=form, found=found)


@blp.get("/<id:book_id>")
@staff_asking(LedgerFilters)
def book(book_id: int) -> Response:
    """Return a book's stock and its ledger."""
    return _show(book_id, Form.of(StockForm, how="add"))


@blp.post("/<id:book_id>")
@staff
def adjust(book_id: int) -> Any:
    """Put a book's stock right."""
    form = Form.sent(StockForm)
    with form:
        given = form.load()
        how, amount, actor = given["how"], given["amount"], auth.current_actor()
        by = {"add": amount, "take": -amount, "set": None}[how]
        to = amount if how == "set" else None
        form.once(
            lambda: _adjusted(
                stock_levels.adjust(
                    actor, book_id, by=by, to=to, seen=given["seen"], note=given["note"]
                )
            )
        )
        return done("The stock is put right.", url_for("console.stock.book", book_id=book_id))
    return _show(book_id, form)


def _adjusted(_book: Any) -> None:
    """What comes of it, the page shows."""


def _show(book_id: int, form: Form) -> Response:
    actor, asked = auth.current_actor(), Form.asked(LedgerFilters)
    found = stock_levels.get(actor, book_id)
    ledger = Page([], None)
    with asked:
        asked.load()
        ledger = stock_levels.movements(actor, book_id, asked.page_request)
    status = form.status if form.problem else asked.status
    return page(
        "console/stock_book.html", status, book=found, form=form, asked=asked, ledger=ledger
    )
