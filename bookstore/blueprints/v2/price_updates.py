"""/catalog/price-updates: many prices at once, as JSON or (rows, ``Accept: text/csv``) as CSV."""

import csv
import io
from typing import Any

from flask import Response, request

from bookstore import auth
from bookstore.blueprints.answers import json_response, page_body, page_request
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.blueprints.uploads import takes_file
from bookstore.schemas.common import PageQuery, page_of
from bookstore.schemas.v2.jobs import StartedJobSchema
from bookstore.schemas.v2.price_updates import (
    PriceUpdateInput,
    PriceUpdateListedSchema,
    PriceUpdateQuery,
    PriceUpdateRowSchema,
    PriceUpdateRowsQuery,
    PriceUpdateSchema,
)
from bookstore.services import job_views, price_files, price_updates
from bookstore.services.imports import cells

blp = Blueprint("price_updates", __name__, description="Many prices at once")


@blp.post("/catalog/price-updates")
@requires("staff", scope="catalog:write")
@blp.arguments(PriceUpdateQuery, location="query")
@takes_file(PriceUpdateInput, ("text/csv",), price_files.MAX_BYTES)
@idempotent
@blp.response(202, StartedJobSchema)
def start(query: dict[str, Any], given: dict[str, Any]) -> Any:
    """Change many prices by a CSV: a column `id`, `isbn` or `sku`, a column `price`.

    A column `currency` may be there, and must be the shop's. It is a job, which `Location` leads
    to; its parameter `price_update_id` names the report. With `preview` nothing is changed before
    `POST /catalog/price-updates/{update_id}/apply`. Rows that are wrong are refused, `field:
    reason`, and the others go on.
    """
    job = price_updates.start(
        auth.current_actor(),
        data=given.get("data"),
        url=given.get("url"),
        preview=given.get("preview", query["preview"]),
    )
    return _started(job)


@blp.get("/catalog/price-updates")
@requires("staff", scope="catalog:read")
@blp.arguments(PageQuery, location="query")
@blp.response(200, page_of(PriceUpdateListedSchema))
def list_updates(query: dict[str, Any]) -> Response:
    """List price updates, newest first; kept for 90 days."""
    page = price_updates.list_updates(auth.current_actor(), page_request(query))
    return json_response(page_body(PriceUpdateListedSchema, page))


@blp.get("/catalog/price-updates/<id:update_id>")
@requires("staff", scope="catalog:read")
@blp.response(200, PriceUpdateSchema)
def get(update_id: int) -> Any:
    """Return how far a price update is, what became of its rows, and its largest changes."""
    return price_updates.get(auth.current_actor(), update_id)


@blp.get("/catalog/price-updates/<id:update_id>/rows")
@requires("staff", scope="catalog:read")
@blp.arguments(PriceUpdateRowsQuery, location="query")
@blp.response(200, page_of(PriceUpdateRowSchema))
def list_rows(query: dict[str, Any], update_id: int) -> Response:
    """List a price update's rows in their order: old and new price, outcome, reason.

    With `Accept: text/csv` all of them at once.
    """
    outcome = query.get("outcome")
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        answer = Response(_table(update_id, outcome), content_type="text/csv; charset=utf-8")
        name = f"price-update-{update_id}.csv"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    else:
        page = price_updates.list_rows(
            auth.current_actor(), update_id, page_request(query), outcome
        )
        answer = json_response(page_body(PriceUpdateRowSchema, page))
    answer.vary.add("Accept")
    return answer


@blp.post("/catalog/price-updates/<id:update_id>/apply")
@requires("staff", scope="catalog:write")
@idempotent
@blp.response(202, StartedJobSchema)
def apply(update_id: int) -> Any:
    """Have a previewed price update applied, where the price still is as it was previewed.

    One whose job ended half-way is carried on. 409 `price_update_status` when there is nothing to
    apply, `price_update_busy` while a job is at it.
    """
    return _started(price_updates.apply(auth.current_actor(), update_id))


@blp.post("/catalog/price-updates/<id:update_id>/undo")
@requires("staff", scope="catalog:write")
@idempotent
@blp.response(202, StartedJobSchema)
def undo(update_id: int) -> Any:
    """Have the old prices put back, where the price still is the one that the update has set.

    The other rows become `changed_since_update`. 409 `price_update_status` when nothing was
    applied or it was undone before.
    """
    return _started(price_updates.undo(auth.current_actor(), update_id))


def _started(job: Any) -> Any:
    return {"job": job_views.view(job)}, 202, {"Location": f"/api/v2/jobs/{job.id}"}


def _table(update_id: int, outcome: str | None) -> str:
    stream = io.StringIO()
    shape = PriceUpdateRowSchema()
    writer = csv.DictWriter(stream, list(shape.fields))
    writer.writeheader()
    for row in price_updates.all_rows(auth.current_actor(), update_id, outcome):
        told = {name: value for name, value in shape.dump(row).items() if value is not None}
        writer.writerow({name: cells.guard(str(value)) for name, value in told.items()})
    return stream.getvalue()
