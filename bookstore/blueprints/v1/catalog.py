"""books/ of v1."""

from typing import Any

import orjson
from flask import Response

from bookstore import auth
from bookstore.blueprints import ready
from bookstore.blueprints.answers import dumper, json_response
from bookstore.blueprints.v1.base import (
    Blueprint,
    page_body,
    page_request,
    page_response,
    replaced_by,
    requires,
)
from bookstore.schemas.v1.catalog import BookInput, BookListSchema, BookQuery, BookSchema
from bookstore.schemas.v1.common import PageNumberQuery, page_of
from bookstore.schemas.v1.reviews import ReviewSchema
from bookstore.services import book_details, catalog, catalog_cache, catalog_editing, reviews
from bookstore.services.catalog import BookFilter

blp = Blueprint("v1_catalog", __name__, description="Books")


@blp.get("/books/")
@replaced_by("GET /books")
@requires("visitor", scope="catalog:read")
@blp.arguments(BookQuery, location="query")
@blp.response(200, page_of(BookListSchema))
@ready.kept
def list_books(query: dict[str, Any]) -> Response:
    """List books, newest first unless `ordering` says otherwise; by relevance with `search`."""
    return _books(query)


@blp.get("/books/available/")
@replaced_by("GET /books?in_stock=true")
@requires("visitor", scope="catalog:read")
@blp.arguments(BookQuery, location="query")
@blp.response(200, page_of(BookListSchema))
@ready.kept
def list_available(query: dict[str, Any]) -> Response:
    """List the books that can be bought now."""
    return _books(query, in_stock=True)


@blp.get("/books/bestsellers/")
@replaced_by("GET /books/bestsellers")
@requires("visitor", scope="catalog:read")
@blp.response(200, BookListSchema(many=True))
@ready.kept
def bestsellers() -> Response:
    """Return the ten books with the most copies sold, then the most reviews."""

    def make() -> bytes:
        return orjson.dumps(BookListSchema(many=True).dump(catalog.bestsellers()))

    return json_response(ready.body(catalog_cache.BESTSELLERS_SECONDS, make))


@blp.post("/books/")
@replaced_by("POST /books")
@requires("staff", scope="catalog:write")
@blp.arguments(BookInput)
@blp.response(201, BookSchema)
def create_book(body: dict[str, Any]) -> Any:
    """Put a book on sale."""
    return book_details.get(catalog_editing.create_book(auth.current_actor(), body).id), 201


@blp.get("/books/<id:book_id>/")
@replaced_by("GET /books/{book_id}")
@requires("visitor", scope="catalog:read")
@blp.response(200, BookSchema)
@ready.kept
def get_book(book_id: int) -> Response:
    """Return one book."""

    def make() -> bytes:
        return orjson.dumps(dumper(BookSchema).dump(book_details.get(book_id)))

    return json_response(ready.body(catalog_cache.LIST_SECONDS, make))


@blp.put("/books/<id:book_id>/")
@replaced_by("PATCH /books/{book_id}")
@requires("staff", scope="catalog:write")
@blp.arguments(BookInput)
@blp.response(200, BookSchema)
def replace_book(body: dict[str, Any], book_id: int) -> Any:
    """Change a book; what is required of a new one is required here too."""
    return _change(body, book_id)


@blp.patch("/books/<id:book_id>/")
@replaced_by("PATCH /books/{book_id}")
@requires("staff", scope="catalog:write")
@blp.arguments(BookInput(partial=True))
@blp.response(200, BookSchema)
def update_book(body: dict[str, Any], book_id: int) -> Any:
    """Change a book."""
    return _change(body, book_id)


@blp.delete("/books/<id:book_id>/")
@replaced_by("DELETE /books/{book_id}")
@requires("staff", scope="catalog:write")
@blp.response(204)
def delete_book(book_id: int) -> None:
    """Remove a book that nobody has ordered."""
    catalog_editing.delete_book(auth.current_actor(), book_id)


@blp.get("/books/<id:book_id>/reviews/")
@replaced_by("GET /books/{book_id}/reviews")
@requires("visitor", scope="catalog:read")
@blp.arguments(PageNumberQuery, location="query")
@blp.response(200, page_of(ReviewSchema))
def list_reviews(query: dict[str, Any], book_id: int) -> Response:
    """List a book's reviews, newest first."""
    wanted = page_request(query)
    return page_response(wanted, page_body(ReviewSchema, reviews.list_reviews(book_id, wanted)))


def _books(query: dict[str, Any], *, in_stock: bool | None = None) -> Response:
    page = page_request(query)
    wanted = BookFilter(
        q=query.get("search"),
        author_id=query.get("author"),
        category_ids=tuple(query["categories"]) if "categories" in query else None,
        publisher_id=query.get("publisher"),
        status=query.get("status"),
        in_stock=in_stock,
    )

    def make() -> bytes:
        return page_body(BookListSchema, catalog.list_books(wanted, query.get("sort"), page))

    is_search = wanted.q is not None
    return page_response(
        page, make() if is_search else ready.body(catalog_cache.LIST_SECONDS, make)
    )


def _change(body: dict[str, Any], book_id: int) -> Any:
    catalog_editing.update_book(auth.current_actor(), book_id, body)
    return book_details.get(book_id)
