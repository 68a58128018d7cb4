"""Where a customer begins: the shop's first page with its search, and a page for each book.

Both are made here, ready to read without scripts; what is done with a book (into the cart, onto the
wishlist) is done by their scripts, which are clients of the API like those of the other pages.
"""

from typing import Any

import marshmallow as ma
import orjson
from flask import Blueprint, Response, request

from bookstore import errors
from bookstore.blueprints.answers import dumper, html_page, page_body
from bookstore.extensions import settings
from bookstore.schemas.v2.catalog import BookQuery, BookSchema
from bookstore.schemas.v2.reviews import ReviewSchema
from bookstore.services import catalog, catalog_cache, reviews
from bookstore.services.catalog import BookFilter
from bookstore.services.paging import PageRequest

blp = Blueprint("storefront", __name__)

# Covers may be anywhere.
_COVERS = {"img-src": "https:"}
_A_PAGE, _REVIEWS = 20, 10
_IN_SCHEMA = {
    "in_stock": "https://schema.org/InStock",
    "low_stock": "https://schema.org/LimitedAvailability",
    "out_of_stock": "https://schema.org/OutOfStock",
}


@blp.get("/")
def home() -> Response:
    """Return the shop's first page: bestsellers, or what ``?q=`` finds."""
    wanted = request.args.get("q", "").strip()
    if not wanted:
        best = catalog_cache.get_or_make("/", catalog_cache.BESTSELLERS_SECONDS, _bestsellers)
        return html_page("home.html", _COVERS, wanted="", books=orjson.loads(best))
    try:
        asked = BookQuery(only=("q", "cursor")).load(_given("q", "cursor"))
        page = catalog.list_books(
            BookFilter(q=asked["q"]), None, PageRequest(_A_PAGE, asked.get("cursor"))
        )
    except (ma.ValidationError, errors.Invalid):
        problem = "That cannot be searched for. Please try other words."
        return html_page("home.html", _COVERS, wanted=wanted[:500], books=[], problem=problem)
    found = page_body(BookSchema, page)
    return html_page(
        "home.html", _COVERS, wanted=wanted, books=found["data"], cursor=found["next_cursor"]
    )


@blp.get("/books/<id:book_id>")
def book(book_id: int) -> Response:
    """Return the page of a book, with what its readers say."""
    shown = dumper(BookSchema).dump(catalog.get_book(book_id))
    said = page_body(ReviewSchema, reviews.list_reviews(book_id, PageRequest(_REVIEWS)))
    address = f"{settings().shop_url}/books/{book_id}"
    return html_page(
        "book.html",
        _COVERS,
        book=shown,
        reviews=said["data"],
        address=address,
        told=_as_linked_data(shown, address),
    )


def _given(*names: str) -> dict[str, str]:
    """Return those parameters of the query; mail services and others add some of their own."""
    return {name: request.args[name] for name in names if name in request.args}


def _bestsellers() -> bytes:
    return orjson.dumps(dumper(BookSchema).dump(catalog.bestsellers(), many=True))


def _as_linked_data(shown: dict[str, Any], address: str) -> dict[str, Any]:
    """Return a book as search engines read it (https://schema.org/Book and /Offer)."""
    told: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": ["Book", "Product"],
        "url": address,
        "name": shown["title"],
        "author": [{"@type": "Person", "name": one["full_name"]} for one in shown["authors"]],
        "offers": {
            "@type": "Offer",
            "price": shown["price"],
            "priceCurrency": shown["currency"].upper(),
            "availability": _IN_SCHEMA[shown["stock_state"]],
            "url": address,
        },
    }
    if shown["isbn"]:
        told["isbn"] = shown["isbn"]
    if shown["cover"]:
        told["image"] = shown["cover"]["url"]
    if shown["review_count"]:
        told["aggregateRating"] = {
            "@type": "AggregateRating",
            "ratingValue": shown["average_rating"],
            "reviewCount": shown["review_count"],
        }
    return told
