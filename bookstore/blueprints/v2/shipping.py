"""/shipping-methods: how orders are sent."""

from typing import Any

from flask import Response

from bookstore import auth
from bookstore.blueprints.answers import (
    json_response,
    page_body,
    page_request,
    seen_version,
    tagged,
)
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.conditional import if_match, needs_if_match
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.common import page_of
from bookstore.schemas.v2.shipping import (
    ShippingMethodInput,
    ShippingMethodQuery,
    ShippingMethodSchema,
)
from bookstore.services import shipping, shipping_editing

blp = Blueprint("shipping", __name__, description="How orders are sent, and what that costs")


@blp.get("/shipping-methods")
@requires("visitor", scope="catalog:read")
@blp.arguments(ShippingMethodQuery, location="query")
@blp.response(200, page_of(ShippingMethodSchema))
def list_methods(query: dict[str, Any]) -> Response:
    """List the ways to send orders, as the shop has them in order."""
    page = shipping.list_methods(
        auth.current_actor(),
        page_request(query),
        country=query.get("country"),
        everything=query["all"],
    )
    return json_response(page_body(ShippingMethodSchema, page))


@blp.post("/shipping-methods")
@requires("staff")
@blp.arguments(ShippingMethodInput)
@idempotent
@blp.response(201, ShippingMethodSchema)
def create_method(body: dict[str, Any]) -> Any:
    """Make a way to send orders.

    409 `shipping_zone_taken` if another row of the code is for one of the countries.
    """
    method = shipping_editing.create(auth.current_actor(), body)
    return tagged(method), 201, {"Location": f"/api/v2/shipping-methods/{method.id}"}


@blp.get("/shipping-methods/<id:method_id>")
@requires("visitor", scope="catalog:read")
@blp.response(200, ShippingMethodSchema)
def get_method(method_id: int) -> Any:
    """Return a way to send orders; one that is switched off is for staff only."""
    return tagged(shipping.get(auth.current_actor(), method_id))


@blp.patch("/shipping-methods/<id:method_id>")
@requires("staff")
@needs_if_match
@blp.arguments(ShippingMethodInput(partial=True))
@blp.response(200, ShippingMethodSchema)
def update_method(body: dict[str, Any], method_id: int) -> Any:
    """Change a way to send orders; those that were placed stay as they are."""
    version, _ = if_match()
    actor = auth.current_actor()
    return tagged(shipping_editing.update(actor, method_id, body, version=version))


@blp.delete("/shipping-methods/<id:method_id>")
@requires("staff")
@blp.response(204)
def delete_method(method_id: int) -> None:
    """Remove a way to send orders."""
    version = seen_version()
    shipping_editing.delete(auth.current_actor(), method_id, version=version)
