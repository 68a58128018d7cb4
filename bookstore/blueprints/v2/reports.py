"""/reports: what staff wants to know, as JSON or (``Accept: text/csv``) as CSV."""

import csv
import io
from typing import Any

from flask import Response, request

from bookstore import auth
from bookstore.blueprints.answers import json_response, page_body, page_request
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.common import page_of
from bookstore.schemas.v2.jobs import StartedJobSchema
from bookstore.schemas.v2.reports import (
    AbandonedCartSchema,
    AbandonedCartsQuery,
    PeriodQuery,
    SalesSchema,
    TopBookSchema,
    TopBooksQuery,
    TopBooksSchema,
)
from bookstore.services import book_reports, job_views, reports
from bookstore.services.imports import cells

blp = Blueprint("reports", __name__, description="Reports for staff")


@blp.get("/reports/sales")
@requires("staff", scope="reports")
@blp.arguments(PeriodQuery, location="query")
@blp.response(200, SalesSchema)
def sales(query: dict[str, Any]) -> Response:
    """Return revenue, orders by status and the average order value.

    Orders count in the period they were placed in, whenever money came for them or went back.
    """
    body = SalesSchema().dump(
        reports.sales(auth.current_actor(), query.get("from_"), query.get("to"))
    )
    by_status = body["orders_by_status"]
    flat = {k: v for k, v in body.items() if k != "orders_by_status"}
    row = {**flat, **{f"orders_{k}": v for k, v in by_status.items()}}
    return _answer(body, list(row), [row])


@blp.get("/reports/top-books")
@requires("staff", scope="reports")
@blp.arguments(TopBooksQuery, location="query")
@blp.response(200, TopBooksSchema)
def top_books(query: dict[str, Any]) -> Response:
    """Return the books that sold the most copies, in orders that were paid and not cancelled."""
    found = reports.top_books(
        auth.current_actor(), query.get("from_"), query.get("to"), query["limit"]
    )
    body = TopBooksSchema().dump({"data": found})
    return _answer(body, list(TopBookSchema().fields), body["data"])


@blp.get("/reports/abandoned-carts")
@requires("staff", scope="reports")
@blp.arguments(AbandonedCartsQuery, location="query")
@blp.response(200, page_of(AbandonedCartSchema))
def abandoned_carts(query: dict[str, Any]) -> Response:
    """Return carts that nobody has touched for days, with what is in them worth."""
    page = reports.abandoned_carts(
        auth.current_actor(),
        page_request(query),
        query["idle_days"],
        query.get("from_"),
        query.get("to"),
    )
    body = page_body(AbandonedCartSchema, page)
    return _answer(body, list(AbandonedCartSchema().fields), body["data"])


@blp.post("/reports/books/<id:book_id>")
@requires("staff", scope="reports")
@idempotent
@blp.response(202, StartedJobSchema)
def report_book(book_id: int) -> Any:
    """Have the report of a book made: its sales by month, rank, reviews and stock.

    It is a job, which `Location` leads to: its `result` is the report, its `files` are the same as
    JSON, CSV and a page to print with charts.
    """
    job = book_reports.start(auth.current_actor(), book_id)
    return {"job": job_views.view(job)}, 202, {"Location": f"/api/v2/jobs/{job.id}"}


def _answer(body: dict[str, Any], columns: list[str], rows: list[dict[str, Any]]) -> Response:
    answer = json_response(body)
    answer.vary.add("Accept")
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        for row in rows:
            told = {name: value for name, value in row.items() if value is not None}
            writer.writerow({name: cells.guard(str(value)) for name, value in told.items()})
        # A Link to the next page stays: there is nowhere else to say it.
        answer.content_type = "text/csv; charset=utf-8"
        answer.set_data(stream.getvalue())
    return answer
