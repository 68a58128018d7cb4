"""Covers of books: sent straight to the store, made into thumbnails by the worker."""

from typing import Any

from bookstore import auth
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.v2.covers import (
    CoverInput,
    CoverKeyInput,
    CoverOfferSchema,
    CoverStateSchema,
)
from bookstore.services import covers

blp = Blueprint("covers", __name__, description="Covers of books")


@blp.post("/books/<id:book_id>/cover")
@requires("staff", scope="catalog:write")
@blp.arguments(CoverInput)
@idempotent
@blp.response(201, CoverOfferSchema)
def offer(body: dict[str, Any], book_id: int) -> Any:
    """Return a form by which one file may be sent straight to the store, for 15 minutes.

    Send `fields` and then the file, as `file`, to `url`: multipart/form-data. The store takes only
    the key, the type and the size that were asked for. Then tell the shop, by
    `POST /books/{book_id}/cover/complete`. Nothing is changed here, so this may also be repeated
    without a key.
    """
    return covers.offer(auth.current_actor(), book_id, body["content_type"], body["size"])


@blp.post("/books/<id:book_id>/cover/complete")
@requires("staff", scope="catalog:write")
@blp.arguments(CoverKeyInput)
@blp.response(202, CoverStateSchema)
def complete(body: dict[str, str], book_id: int) -> Any:
    """Say that the file has been sent: the worker makes the cover of it.

    `GET /books/{book_id}/cover` tells what became of it. A key is good for one upload; said again,
    this is the same one. 409 `cover_not_uploaded` when there is nothing under the key.
    """
    location = {"Location": f"/api/v2/books/{book_id}/cover"}
    return covers.complete(auth.current_actor(), book_id, body["key"]), 202, location


@blp.get("/books/<id:book_id>/cover")
@requires("staff", scope="catalog:read")
@blp.response(200, CoverStateSchema)
def get(book_id: int) -> Any:
    """Return the cover, and what became of the last upload: why it failed, if it did."""
    return covers.get(auth.current_actor(), book_id)
