"""/books/{id}/reviews."""

from typing import Any

from flask import Response

from bookstore import auth
from bookstore.blueprints.answers import json_response, page_body, page_request
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.common import PageQuery, page_of
from bookstore.schemas.v2.reviews import ReviewInput, ReviewSchema
from bookstore.services import reviews

blp = Blueprint("reviews", __name__, description="What readers say")


@blp.get("/books/<id:book_id>/reviews")
@requires("visitor", scope="catalog:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(ReviewSchema))
def list_reviews(query: dict[str, Any], book_id: int) -> Response:
    """List a book's reviews, newest first."""
    return json_response(
        page_body(ReviewSchema, reviews.list_reviews(book_id, page_request(query)))
    )


@blp.post("/books/<id:book_id>/reviews")
@requires("user")
@blp.arguments(ReviewInput)
@idempotent
@blp.response(201, ReviewSchema)
def post(body: dict[str, Any], book_id: int) -> Any:
    """Review a book, once (409 `already_reviewed`)."""
    review = reviews.post(auth.current_actor(), book_id, **body)
    return review, 201


@blp.patch("/books/<id:book_id>/reviews/<id:review_id>")
@requires("user")
@blp.arguments(ReviewInput(partial=True))
@blp.response(200, ReviewSchema)
def update_review(body: dict[str, Any], book_id: int, review_id: int) -> Any:
    """Change one's own review."""
    return reviews.update_review(auth.current_actor(), book_id, review_id, body)


@blp.delete("/books/<id:book_id>/reviews/<id:review_id>")
@requires("user")
@blp.response(204)
def delete_review(book_id: int, review_id: int) -> None:
    """Remove one's own review (staff: anybody's)."""
    reviews.delete_review(auth.current_actor(), book_id, review_id)
