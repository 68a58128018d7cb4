"""cart/ of v1: for those who are logged in."""

from contextlib import suppress
from typing import Any

from bookstore import auth, errors
from bookstore.blueprints.v1.base import Blueprint, replaced_by, requires
from bookstore.schemas.v1.cart import BookIdInput, CartItemInput, CartSchema
from bookstore.services import cart

blp = Blueprint("v1_cart", __name__, description="The cart")


@blp.get("/cart/")
@replaced_by("GET /cart")
@requires("user")
@blp.response(200, CartSchema)
def get_cart() -> Any:
    """Return one's cart at present prices."""
    return cart.get(auth.current_actor())


@blp.post("/cart/add_item/")
@replaced_by("POST /cart/items")
@requires("user")
@blp.arguments(CartItemInput)
@blp.response(201, CartSchema)
def add_item(body: dict[str, int]) -> Any:
    """Add copies of a book; again adds up."""
    return cart.add_item(auth.current_actor(), **body).cart, 201


@blp.delete("/cart/remove_item/")
@replaced_by("DELETE /cart/items/{book_id}")
@requires("user")
@blp.arguments(BookIdInput)
@blp.response(200, CartSchema)
def remove_item(body: dict[str, int]) -> Any:
    """Take a book out; one that is not there is no error."""
    with suppress(errors.NotFound):
        return cart.remove_item(auth.current_actor(), body["book_id"])
    return cart.get(auth.current_actor())
