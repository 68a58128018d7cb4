"""/orders."""

from typing import Any

from flask import Response

from bookstore import auth
from bookstore.blueprints.answers import html_page, json_response, page_body, page_request
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.common import page_of
from bookstore.schemas.v2.invoices import InvoiceSchema
from bookstore.schemas.v2.orders import (
    CancelInput,
    OrderEventsSchema,
    OrderInput,
    OrderQuery,
    OrderSchema,
    StatusInput,
)
from bookstore.schemas.v2.sockets import StreamQuery
from bookstore.services import invoices, orders

blp = Blueprint("orders", __name__, description="Orders")


@blp.post("/orders")
@requires("user", scope="orders:write")
@blp.arguments(OrderInput)
@idempotent
@blp.response(201, OrderSchema)
def place(body: dict[str, Any]) -> Any:
    """Order everything in the cart: prices are locked, stock is taken, the cart is emptied.

    409 `cart_empty`; `out_of_stock` with `items`; `total_changed` when the total is not
    `expected_total`; `order_not_payable` when it is less or more than a card can be charged (one
    that costs nothing is paid at once).
    """
    order = orders.place(auth.current_actor(), **body)
    return order, 201, {"Location": f"/api/v2/orders/{order.id}"}


@blp.get("/orders")
@requires("user", scope="orders:read")
@blp.arguments(OrderQuery, location="query")
@blp.response(200, page_of(OrderSchema))
def list_orders(query: dict[str, Any]) -> Response:
    """List one's orders, newest first (staff, with `all=true`: everybody's)."""
    page = orders.list_orders(
        auth.current_actor(),
        page_request(query),
        status=query.get("status"),
        payment_status=query.get("payment_status"),
        number=query.get("number"),
        everyone=query["all"],
    )
    return json_response(page_body(OrderSchema, page))


@blp.get("/orders/<id:order_id>")
@requires("user", scope="orders:read")
@blp.response(200, OrderSchema)
def get_order(order_id: int) -> Any:
    """Return an order."""
    return orders.get(auth.current_actor(), order_id)


@blp.get("/orders/<id:order_id>/events")
@requires("user", scope="orders:read")
@blp.response(200, OrderEventsSchema)
def get_events(order_id: int) -> Any:
    """Return an order's history, oldest first."""
    return {"data": orders.history(auth.current_actor(), order_id)}


@blp.get("/orders/<id:order_id>/invoice")
@requires("user", scope="orders:read", by_ticket=True)
@blp.arguments(StreamQuery, location="query")
@blp.response(200, {"type": "string"}, content_type="text/html", description="A page to print")
def get_invoice(_query: dict[str, Any], order_id: int) -> Response:
    """Return a printable invoice (HTML): seller, lines, tax by rate, what was paid and refunded.

    Browsers, which cannot send a token when they open a page, get a ticket first, as for sockets.
    """
    invoice = InvoiceSchema().dump(invoices.get(auth.current_actor(), order_id))
    # All in one file, to be kept; and nothing in it runs.
    return html_page("invoice.html", {"style-src": "'nonce-{nonce}'"}, **invoice)


@blp.post("/orders/<id:order_id>/cancel")
@requires("user", scope="orders:write")
@blp.arguments(CancelInput)
@idempotent
@blp.response(200, OrderSchema)
def cancel(body: dict[str, str], order_id: int) -> Any:
    """Cancel an order that is pending or processing; its copies go back on sale."""
    return orders.cancel(auth.current_actor(), order_id, body["note"])


@blp.post("/orders/<id:order_id>/status")
@requires("staff", scope="orders:write")
@blp.arguments(StatusInput)
@idempotent
@blp.response(200, OrderSchema)
def advance(body: dict[str, Any], order_id: int) -> Any:
    """Move an order along: pending → processing → shipped → delivered; cancelled from the
    first two."""
    return orders.advance(auth.current_actor(), order_id, **body)
