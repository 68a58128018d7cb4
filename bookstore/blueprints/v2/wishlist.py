"""/wishlist."""

from typing import Any

from bookstore import auth
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.v2.cart import CartSchema
from bookstore.schemas.v2.wishlist import NotesInput, WishlistItemInput, WishlistSchema
from bookstore.services import wishlist

blp = Blueprint("wishlist", __name__, description="Books for later")


@blp.get("/wishlist")
@requires("user")
@blp.response(200, WishlistSchema)
def get_wishlist() -> Any:
    """Return the wishlist."""
    return wishlist.get(auth.current_actor())


@blp.post("/wishlist/items")
@requires("user")
@blp.arguments(WishlistItemInput)
@idempotent
@blp.response(201, WishlistSchema)
def add_item(body: dict[str, Any]) -> Any:
    """Add a book (409 `already_in_wishlist`)."""
    return wishlist.add_item(auth.current_actor(), **body)


@blp.patch("/wishlist/items/<id:book_id>")
@requires("user")
@blp.arguments(NotesInput)
@blp.response(200, WishlistSchema)
def set_notes(body: dict[str, str], book_id: int) -> Any:
    """Change a book's notes."""
    return wishlist.set_notes(auth.current_actor(), book_id, body["notes"])


@blp.delete("/wishlist/items/<id:book_id>")
@requires("user")
@blp.response(200, WishlistSchema)
def remove_item(book_id: int) -> Any:
    """Take a book off."""
    return wishlist.remove_item(auth.current_actor(), book_id)


@blp.post("/wishlist/items/<id:book_id>/move-to-cart")
@requires("user")
@idempotent
@blp.response(200, CartSchema)
def move_to_cart(book_id: int) -> Any:
    """Move a book into the cart, one copy: both happen or neither."""
    return wishlist.move_to_cart(auth.current_actor(), book_id)
