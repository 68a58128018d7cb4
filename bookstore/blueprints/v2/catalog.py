"""/books: the catalogue."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from flask import Response

from bookstore import auth, errors
from bookstore.blueprints import ready
from bookstore.blueprints.answers import (
    dumper,
    json_response,
    page_body,
    page_request,
    seen_version,
)
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.conditional import if_match, needs_if_match, set_tag
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.common import page_of
from bookstore.schemas.v2.catalog import (
    BookInput,
    BookPartSchema,
    BookQuery,
    BookSchema,
    BooksSchema,
    BookViewQuery,
    MobileBookSchema,
    StaffBookSchema,
    SuggestionsSchema,
    SuggestQuery,
)
from bookstore.services import catalog, catalog_cache, catalog_editing, search
from bookstore.services.catalog import BookFilter

blp = Blueprint("catalog", __name__, description="Books")

_FILTERS = frozenset(BookFilter.__dataclass_fields__)
# What a book may look like: the more members it is sure to have, the earlier.
_SHAPES = (StaffBookSchema, MobileBookSchema, BookPartSchema)


@blp.get("/books")
@requires("visitor", scope="catalog:read")
@blp.arguments(BookQuery, location="query")
@blp.response(200, {"anyOf": [page_of(shape) for shape in _SHAPES]})
@ready.kept
def list_books(query: dict[str, Any]) -> Response:
    """List books, filtered, sorted and searched.

    Newest first unless `sort` says otherwise; by relevance with `q`. Staff also gets `stock`
    and `sku`.
    """
    wanted = BookFilter(**{k: v for k, v in query.items() if k in _FILTERS})

    def make() -> bytes:
        page = catalog.list_books(wanted, query.get("sort"), page_request(query))
        return orjson.dumps(page_body(_shape(query), page, _only(query)))

    # Search words are as many as there are readers: those answers are not kept.
    return json_response(make() if wanted.q is not None else _cached(make))


@blp.get("/books/bestsellers")
@requires("visitor", scope="catalog:read")
@blp.response(200, BooksSchema)
@ready.kept
def bestsellers() -> Response:
    """Return the ten books with the most copies sold, then the most reviews."""

    def make() -> bytes:
        return orjson.dumps({"data": BookSchema(many=True).dump(catalog.bestsellers())})

    return json_response(ready.body(catalog_cache.BESTSELLERS_SECONDS, make))


@blp.get("/books/suggest")
@requires("visitor", scope="catalog:read")
@blp.arguments(SuggestQuery, location="query")
@blp.response(200, SuggestionsSchema)
def suggest(query: dict[str, str]) -> Any:
    """Return up to ten completions of what has been typed."""
    return {"data": search.suggest(query["q"])}


@blp.get("/books/<id:book_id>")
@requires("visitor", scope="catalog:read")
@blp.arguments(BookViewQuery, location="query")
@blp.response(200, {"anyOf": list(_SHAPES)})
@ready.kept
def get_book(query: dict[str, Any], book_id: int) -> Response:
    """Return one book."""

    def make() -> bytes:
        book = catalog.get_book(book_id)
        shown = orjson.dumps(dumper(_shape(query), _only(query)).dump(book))
        # The version rides in front, so that a cached answer still has its ETag.
        return b"%d.%d\n" % (book["version"], book["stock"]) + shown

    tag, _, shown = _cached(make).partition(b"\n")
    version, stock = map(int, tag.split(b"."))
    set_tag(version, stock if auth.current_actor().is_staff else None)
    return json_response(shown)


@blp.post("/books")
@requires("staff", scope="catalog:write")
@blp.arguments(BookInput)
@idempotent
@blp.response(201, StaffBookSchema)
def create_book(body: dict[str, Any]) -> Any:
    """Put a book on sale."""
    book = catalog_editing.create_book(auth.current_actor(), body)
    return _staff_view(book.id), 201, {"Location": f"/api/v2/books/{book.id}"}


@blp.patch("/books/<id:book_id>")
@requires("staff", scope="catalog:write")
@needs_if_match
@blp.arguments(BookInput(partial=True))
@blp.response(200, StaffBookSchema)
def update_book(body: dict[str, Any], book_id: int) -> Any:
    """Change a book.

    `If-Match` stands for what staff edits; a change of `stock` also needs the stock to be
    what that ETag saw.
    """
    version, stock = if_match()
    if "stock" in body and version is not None and stock is None:
        # The tag of an answer without stock says nothing of the stock that was seen.
        raise errors.PreconditionFailed("A change of stock needs the ETag that staff was sent.")
    catalog_editing.update_book(
        auth.current_actor(), book_id, body, version=version, seen_stock=stock
    )
    return _staff_view(book_id)


@blp.delete("/books/<id:book_id>")
@requires("staff", scope="catalog:write")
@blp.response(204)
def delete_book(book_id: int) -> None:
    """Remove a book that nobody has ordered (409 `book_in_orders`)."""
    version = seen_version()
    catalog_editing.delete_book(auth.current_actor(), book_id, version=version)


def _staff_view(book_id: int) -> dict[str, Any]:
    book = catalog.get_book(book_id)
    set_tag(book["version"], book["stock"])
    return book


def _shape(query: Mapping[str, Any]) -> type[Any]:
    if query["view"] == "mobile":
        return MobileBookSchema
    return StaffBookSchema if auth.current_actor().is_staff else BookSchema


def _only(query: Mapping[str, Any]) -> list[str] | None:
    if "fields_" not in query:
        return None
    names = query["fields_"].split(",")
    return [name for name in names if name in _shape(query)._declared_fields]


def _cached(make: Callable[[], bytes]) -> bytes:
    # What staff sees has stock to the copy; it is always read afresh.
    if auth.current_actor().is_staff:
        return make()
    return ready.body(catalog_cache.LIST_SECONDS, make)
