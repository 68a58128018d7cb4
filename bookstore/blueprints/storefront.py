"""Where a customer begins: the shop's first page with its search, and a page for each book.

Both are made here, ready to read without scripts; what is done with a book (into the cart, onto the
wishlist, a review) is done by their scripts, which are clients of the API like those of the other
pages.
"""

from typing import Any
from urllib.parse import urlencode

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
# As the API names them → as people do. The first is for what was searched for alone.
SORTS = {
    "relevance": "Best match",
    "-created": "Newest in the shop",
    "-sales": "Sold most",
    "-rating": "Rated best",
    "price": "Price: low to high",
    "-price": "Price: high to low",
    "title": "Title: A to Z",
    "-title": "Title: Z to A",
    "-published": "Published: newest first",
    "published": "Published: oldest first",
}
_IN_SCHEMA = {
    "in_stock": "https://schema.org/InStock",
    "low_stock": "https://schema.org/LimitedAvailability",
    "out_of_stock": "https://schema.org/OutOfStock",
}


@blp.get("/")
def home() -> Response:
    """Return the shop's first page: bestsellers; or what ``?q=`` finds, or all books, sorted."""
    wanted, sort = (request.args.get(name, "").strip() for name in ("q", "sort"))
    if not wanted and not sort:
        best = catalog_cache.get_or_make("/", catalog_cache.BESTSELLERS_SECONDS, _bestsellers)
        return html_page("home.html", _COVERS, wanted="", books=orjson.loads(best))
    sorts = {name: words for name, words in SORTS.items() if wanted or name != "relevance"}
    shown = {"wanted": wanted[:500], "sorts": sorts, "sort": sort or "relevance"}
    try:
        asked = BookQuery(only=("q", "sort", "cursor")).load(_given("q", "sort", "cursor"))
        page = catalog.list_books(
            BookFilter(q=asked.get("q")),
            asked.get("sort"),
            PageRequest(_A_PAGE, asked.get("cursor")),
        )
    except (ma.ValidationError, errors.Invalid) as error:
        wrong = error.messages if isinstance(error, ma.ValidationError) else error.extra["errors"]
        problem = "That cannot be searched for. Please try other words."
        if "q" not in wrong:
            problem = "There is no such page of the list. Please search again."
        return html_page("home.html", _COVERS, **shown, books=[], problem=problem)
    found = page_body(BookSchema, page)
    given, cursor = _given("q", "sort"), found["next_cursor"]
    return html_page(
        "home.html",
        _COVERS,
        **shown,
        books=found["data"],
        is_first="cursor" not in asked,
        first=urlencode(given),
        more=cursor and urlencode({**given, "cursor": cursor}),
    )


@blp.get("/books/<id:book_id>")
def book(book_id: int) -> Response:
    """Return the page of a book, with what its readers say."""
    shown = dumper(BookSchema).dump(catalog.get_book(book_id))
    cursor = request.args.get("reviews")
    said = page_body(ReviewSchema, reviews.list_reviews(book_id, PageRequest(_REVIEWS, cursor)))
    address = f"{settings().shop_url}/books/{book_id}"
    return html_page(
        "book.html",
        _COVERS,
        book=shown,
        reviews=said["data"],
        is_first=cursor is None,
        older=said["next_cursor"],
        address=address,
        told=_as_linked_data(shown, address),
    )


def _given(*names: str) -> dict[str, str]:
    """Return those parameters of the query that say something; others add some of their own."""
    texts = {name: request.args.get(name, "").strip() for name in names}
    return {name: text for name, text in texts.items() if text}


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
