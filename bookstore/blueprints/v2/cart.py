"""/cart: a user's or a guest's."""

from typing import Any

from bookstore import auth
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.v2.cart import (
    CartItemInput,
    CartSchema,
    CouponCodeInput,
    QuantityInput,
    QuoteInput,
    QuoteSchema,
)
from bookstore.services import cart, checkout

blp = Blueprint("cart", __name__, description="The cart; a guest's is known by X-Cart-Token")


@blp.get("/cart")
@requires("visitor")
@blp.response(200, CartSchema)
def get_cart() -> Any:
    """Return the cart at present prices."""
    return cart.get(auth.current_actor())


@blp.post("/cart/items")
@requires("visitor")
@blp.arguments(CartItemInput)
@idempotent
@blp.response(201, CartSchema)
def add_item(body: dict[str, int]) -> Any:
    """Add copies of a book; again adds up.

    A guest's first answer has `X-Cart-Token`: send it from then on.
    """
    written = cart.add_item(auth.current_actor(), **body)
    return written.cart, 201, _token_header(written)


@blp.patch("/cart/items/<id:book_id>")
@requires("visitor")
@blp.arguments(QuantityInput)
@blp.response(200, CartSchema)
def set_quantity(body: dict[str, int], book_id: int) -> Any:
    """Set how many copies of a book there are."""
    return cart.set_quantity(auth.current_actor(), book_id, body["quantity"])


@blp.delete("/cart/items/<id:book_id>")
@requires("visitor")
@blp.response(200, CartSchema)
def remove_item(book_id: int) -> Any:
    """Take a book out."""
    return cart.remove_item(auth.current_actor(), book_id)


@blp.delete("/cart")
@requires("visitor")
@blp.response(200, CartSchema)
def clear_cart() -> Any:
    """Empty the cart; its coupons go too."""
    return cart.clear(auth.current_actor())


@blp.put("/cart/coupon")
@requires("visitor")
@blp.arguments(CouponCodeInput)
@blp.response(200, CartSchema)
def put_coupon(body: dict[str, str]) -> Any:
    """Put a coupon on the cart.

    It takes the place of others, unless they and it are stackable. 422 `coupon_invalid` with a
    `reason` when there is no such coupon or it does not apply. One that ceases to apply later
    stays, and says why. A guest's first answer has `X-Cart-Token`.
    """
    written = cart.put_coupon(auth.current_actor(), body["code"])
    return written.cart, 200, _token_header(written)


@blp.delete("/cart/coupon")
@requires("visitor")
@blp.response(200, CartSchema)
def remove_coupons() -> Any:
    """Take every coupon off the cart."""
    return cart.remove_coupons(auth.current_actor())


@blp.post("/cart/quote")
@requires("visitor")
@blp.arguments(QuoteInput)
@blp.response(200, QuoteSchema)
def quote(body: dict[str, Any]) -> Any:
    """Return what an order of the cart would cost now; nothing is kept."""
    return checkout.quote(auth.current_actor(), **body)


def _token_header(written: cart.Written) -> dict[str, str]:
    return {"X-Cart-Token": written.token} if written.token else {}
