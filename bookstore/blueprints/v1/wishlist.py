"""wishlist/ of v1."""

from contextlib import suppress
from typing import Any

from bookstore import auth, errors
from bookstore.blueprints.v1.base import Blueprint, replaced_by, requires
from bookstore.schemas.v1.cart import BookIdInput, WishlistItemInput, WishlistSchema
from bookstore.services import wishlist

blp = Blueprint("v1_wishlist", __name__, description="The wishlist")


@blp.get("/wishlist/")
@replaced_by("GET /wishlist")
@requires("user")
@blp.response(200, WishlistSchema)
def get_wishlist() -> Any:
    """Return one's wishlist."""
    return wishlist.get(auth.current_actor())


@blp.post("/wishlist/add_item/")
@replaced_by("POST /wishlist/items")
@requires("user")
@blp.arguments(WishlistItemInput)
@blp.response(201, WishlistSchema)
def add_item(body: dict[str, Any]) -> Any:
    """Add a book, once."""
    return wishlist.add_item(auth.current_actor(), **body), 201


@blp.delete("/wishlist/remove_item/")
@replaced_by("DELETE /wishlist/items/{book_id}")
@requires("user")
@blp.arguments(BookIdInput)
@blp.response(200, WishlistSchema)
def remove_item(body: dict[str, int]) -> Any:
    """Take a book off; one that is not there is no error."""
    with suppress(errors.NotFound):
        return wishlist.remove_item(auth.current_actor(), body["book_id"])
    return wishlist.get(auth.current_actor())
