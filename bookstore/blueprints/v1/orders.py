"""orders/ of v1."""

from typing import Any

from flask import Response

from bookstore import auth
from bookstore.blueprints.v1.base import (
    Blueprint,
    page_body,
    page_request,
    page_response,
    replaced_by,
    requires,
)
from bookstore.schemas.v1.common import PageNumberQuery, page_of
from bookstore.schemas.v1.orders import OrderInput, OrderSchema
from bookstore.services import orders, written_addresses

blp = Blueprint("v1_orders", __name__, description="Orders")


@blp.get("/orders/")
@replaced_by("GET /orders")
@requires("user", scope="orders:read")
@blp.arguments(PageNumberQuery, location="query")
@blp.response(200, page_of(OrderSchema))
def list_orders(query: dict[str, Any]) -> Response:
    """List one's orders, newest first."""
    wanted = page_request(query)
    page = orders.list_orders(auth.current_actor(), wanted)
    return page_response(wanted, page_body(OrderSchema, page))


@blp.get("/orders/<id:order_id>/")
@replaced_by("GET /orders/{order_id}")
@requires("user", scope="orders:read")
@blp.response(200, OrderSchema)
def get_order(order_id: int) -> Any:
    """Return one's order."""
    return orders.get(auth.current_actor(), order_id)


@blp.post("/orders/create_from_cart/")
@replaced_by("POST /orders")
@requires("user", scope="orders:write")
@blp.arguments(OrderInput)
@blp.response(201, OrderSchema)
def create_from_cart(body: dict[str, str]) -> Any:
    """Order everything in the cart, by standard delivery.

    The total is that of the lines, less what coupons take off, plus delivery and tax.
    """
    actor = auth.current_actor()
    return orders.place(actor, written_addresses.read(actor, body["shipping_address"])), 201
