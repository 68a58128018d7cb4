"""Orders: found, looked at, moved along, refunded."""

from flask import Blueprint, Response

from bookstore import auth
from bookstore.blueprints.console.entrance import staff_asking
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import page
from bookstore.schemas.console.orders import OrderFilters
from bookstore.schemas.v2.orders import ORDER_STATUSES, PAYMENT_STATUSES
from bookstore.services import order_search
from bookstore.services.paging import Page

MENU = "Orders"
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
