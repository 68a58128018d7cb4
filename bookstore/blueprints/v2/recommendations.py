"""/books/{id}/recommendations, /me/recommendations; and finding them out anew."""

from typing import Any

import orjson
from flask import Response

from bookstore import auth
from bookstore.blueprints import ready
from bookstore.blueprints.answers import json_response
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.v2.catalog import BookSchema, BooksSchema
from bookstore.schemas.v2.jobs import StartedJobSchema
from bookstore.services import catalog_cache, job_views, recommendations
from bookstore.services.recommending import fit_jobs

blp = Blueprint("recommendations", __name__, description="What else one may like")


@blp.get("/books/<id:book_id>/recommendations")
@requires("visitor", scope="catalog:read")
@blp.response(200, BooksSchema)
def for_book(book_id: int) -> Response:
    """Return up to ten books that readers of this one also bought or liked, best first.

    All can be bought now; none is one that the reader has bought before. Of a book that few have
    bought, the list is filled up with what sells best on its shelves, then in the shop.
    """
    actor = auth.current_actor()

    def make() -> bytes:
        return _dumped(recommendations.for_book(actor, book_id))

    if actor.id is not None:
        # What one owns is left out, so nobody else can have the same answer.
        return json_response(make())
    return json_response(ready.body(catalog_cache.LIST_SECONDS, make))


@blp.get("/me/recommendations")
@requires("user")
@blp.response(200, BooksSchema)
def for_me() -> Response:
    """Return up to ten books that one may like, best first.

    By what one has bought, rated with four stars or more, or put on the wishlist; none of these.
    Without any, what sells best.
    """
    return json_response(_dumped(recommendations.for_user(auth.current_actor())))


@blp.post("/recommendations/fits")
@requires("staff", scope="catalog:write")
@idempotent
@blp.response(202, StartedJobSchema)
def fit() -> Any:
    """Have it found out anew which books go with which, as it is each night.

    It is a job, which `Location` leads to. Its `result` has the `method`, how many `readers` and
    `books` it was learned from, how many `pairs` were found, and the `seconds` it took. Until it
    has succeeded readers see what they saw before. 409 `fit_running`: it is being done already;
    `fit_knows_less`: what is in place was learned from a file of more ratings than the shop has.
    """
    job = fit_jobs.start(auth.current_actor())
    return {"job": job_views.view(job)}, 202, {"Location": f"/api/v2/jobs/{job.id}"}


def _dumped(books: list[dict[str, Any]]) -> bytes:
    return orjson.dumps({"data": BookSchema(many=True).dump(books)})
