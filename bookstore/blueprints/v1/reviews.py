"""reviews/ of v1."""

from typing import Any

from flask import Response

from bookstore import auth
from bookstore.blueprints.v1.base import (
    Blueprint,
    page_body,
    page_request,
    page_response,
    replaced_by,
    requires,
)
from bookstore.schemas.v1.common import page_of
from bookstore.schemas.v1.reviews import ReviewChange, ReviewInput, ReviewQuery, ReviewSchema
from bookstore.services import reviews

blp = Blueprint("v1_reviews", __name__, description="What readers say")


@blp.get("/reviews/")
@replaced_by("GET /books/{book_id}/reviews")
@requires("visitor", scope="catalog:read")
@blp.arguments(ReviewQuery, location="query")
@blp.response(200, page_of(ReviewSchema))
def list_reviews(query: dict[str, Any]) -> Response:
    """List reviews, newest first."""
    wanted = page_request(query)
    page = reviews.list_reviews(
        query.get("book"), wanted, user_id=query.get("user"), rating=query.get("rating")
    )
    return page_response(wanted, page_body(ReviewSchema, page))


@blp.post("/reviews/")
@replaced_by("POST /books/{book_id}/reviews")
@requires("user")
@blp.arguments(ReviewInput)
@blp.response(201, ReviewSchema)
def post(body: dict[str, Any]) -> Any:
    """Review a book, once."""
    return reviews.post(auth.current_actor(), body.pop("book"), **body), 201


@blp.get("/reviews/<id:review_id>/")
@replaced_by("GET /books/{book_id}/reviews")
@requires("visitor", scope="catalog:read")
@blp.response(200, ReviewSchema)
def get_review(review_id: int) -> Any:
    """Return one review."""
    return reviews.get(review_id)


@blp.put("/reviews/<id:review_id>/")
@replaced_by("PATCH /books/{book_id}/reviews/{review_id}")
@requires("user")
@blp.arguments(ReviewChange)
@blp.response(200, ReviewSchema)
def replace_review(body: dict[str, Any], review_id: int) -> Any:
    """Change one's own review; its book stays."""
    return reviews.update_review(auth.current_actor(), None, review_id, body)


@blp.patch("/reviews/<id:review_id>/")
@replaced_by("PATCH /books/{book_id}/reviews/{review_id}")
@requires("user")
@blp.arguments(ReviewChange(partial=True))
@blp.response(200, ReviewSchema)
def update_review(body: dict[str, Any], review_id: int) -> Any:
    """Change one's own review."""
    return reviews.update_review(auth.current_actor(), None, review_id, body)


@blp.delete("/reviews/<id:review_id>/")
@replaced_by("DELETE /books/{book_id}/reviews/{review_id}")
@requires("user")
@blp.response(204)
def delete_review(review_id: int) -> None:
    """Remove one's own review (staff: anybody's)."""
    reviews.delete_review(auth.current_actor(), None, review_id)
