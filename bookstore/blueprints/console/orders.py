"""Orders: found, looked at, moved along, refunded."""

from typing import Any

from flask import Blueprint, Response, url_for

from bookstore import auth
from bookstore.blueprints.answers import html_page
from bookstore.blueprints.console.entrance import staff, staff_asking
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import done, money_text, page
from bookstore.schemas.console.orders import OrderFilters
from bookstore.schemas.v2.invoices import InvoiceSchema
from bookstore.schemas.v2.orders import ORDER_STATUSES, PAYMENT_STATUSES, StatusInput
from bookstore.schemas.v2.payments import RefundInput
from bookstore.services import invoices, order_search, order_sheet, orders, refunds
from bookstore.services.paging import Page

MENU = "Orders"
REFUND = "refund"
"""The name of its form; those that move an order along have the name of where to."""

blp = Blueprint("orders", __name__, url_prefix="/orders")


@blp.get("/")
@staff_asking(OrderFilters)
def index() -> Response:
    """Return the list of everybody's orders."""
    form, found = Form.asked(OrderFilters), Page([], None)
    with form:
        filters = form.load()
        filters.pop("cursor", None)
        found = order_search.search(auth.current_actor(), form.page_request, **filters)
    return page(
        "console/orders.html",
        form.status,
        form=form,
        found=found,
        statuses=ORDER_STATUSES,
        payment_statuses=PAYMENT_STATUSES,
    )


@blp.get("/<id:order_id>")
@staff
def show(order_id: int) -> Response:
    """Return an order, with what may be done with it now."""
    return _show(order_id)


@blp.get("/<id:order_id>/invoice")
@staff
def invoice(order_id: int) -> Response:
    """Return its invoice, to be printed."""
    told = InvoiceSchema().dump(invoices.get(auth.current_actor(), order_id))
    # As the API has it: all in one file.
    return html_page("invoice.html", {"style-src": "'nonce-{nonce}'"}, **told)


@blp.post("/<id:order_id>/status")
@staff
def advance(order_id: int) -> Any:
    """Move an order along, or cancel it."""
    form = Form.sent(StatusInput)
    with form:
        given = form.load()
        form.once(
            lambda: (
                orders.advance(auth.current_actor(), order_id, **given, version=form.version).number
            )
        )
        return done(f"The order is {given['status']}.", _of(order_id))
    return _show(order_id, form)


@blp.post("/<id:order_id>/refunds")
@staff
def refund(order_id: int) -> Any:
    """Give money back; the form says how much could be when it was shown."""
    form = Form.sent(RefundInput)
    with form:
        given = form.load()

        def give_back() -> str:
            made = refunds.request(auth.current_actor(), order_id, **given, seen_left=form.version)
            return money_text(made.amount, made.currency)

        return done(f"{form.once(give_back)} are on their way back.", _of(order_id))
    return _show(order_id, form)


def _of(order_id: int) -> str:
    return url_for("console.orders.show", order_id=order_id)


def _show(order_id: int, refused: Form | None = None) -> Response:
    sheet = order_sheet.get(auth.current_actor(), order_id)
    forms = {move: Form(StatusInput, {"status": move}, move) for move in sheet.moves}
    forms[REFUND] = Form(RefundInput, {}, REFUND)
    if refused is not None:
        forms[refused.name] = refused
    status = 200 if refused is None else refused.status
    return page(
        "console/order.html", status, sheet=sheet, order=sheet.order, forms=forms, refused=refused
    )
