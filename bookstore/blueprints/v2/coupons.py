"""/coupons: what staff keeps. Buyers put them on their carts: /cart/coupon."""

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
from bookstore.schemas.v2.coupons import CouponInput, CouponQuery, CouponSchema
from bookstore.services import coupon_editing, coupon_records

blp = Blueprint("coupons", __name__, description="Codes that make an order cheaper")


@blp.get("/coupons")
@requires("staff")
@blp.arguments(CouponQuery, location="query")
@blp.response(200, page_of(CouponSchema))
def list_coupons(query: dict[str, Any]) -> Response:
    """List the coupons, newest first."""
    page = coupon_records.list_coupons(
        auth.current_actor(), page_request(query), code=query.get("code")
    )
    return json_response(page_body(CouponSchema, page))


@blp.post("/coupons")
@requires("staff")
@blp.arguments(CouponInput)
@idempotent
@blp.response(201, CouponSchema)
def create_coupon(body: dict[str, Any]) -> Any:
    """Make a coupon."""
    made = coupon_editing.create(auth.current_actor(), body)
    return tagged(made), 201, {"Location": f"/api/v2/coupons/{made.id}"}


@blp.get("/coupons/<id:coupon_id>")
@requires("staff")
@blp.response(200, CouponSchema)
def get_coupon(coupon_id: int) -> Any:
    """Return one coupon."""
    return tagged(coupon_records.get(auth.current_actor(), coupon_id))


@blp.patch("/coupons/<id:coupon_id>")
@requires("staff")
@needs_if_match
@blp.arguments(CouponInput(partial=True))
@blp.response(200, CouponSchema)
def update_coupon(body: dict[str, Any], coupon_id: int) -> Any:
    """Change a coupon; it counts at once, also on carts where it lies."""
    version, _ = if_match()
    return tagged(coupon_editing.update(auth.current_actor(), coupon_id, body, version=version))


@blp.delete("/coupons/<id:coupon_id>")
@requires("staff")
@blp.response(204)
def delete_coupon(coupon_id: int) -> None:
    """Remove a coupon that no order has used (409 `coupon_used`: switch it off instead)."""
    version = seen_version()
    coupon_editing.remove(auth.current_actor(), coupon_id, version=version)
