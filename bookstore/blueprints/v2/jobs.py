"""/jobs: work that somebody asked for, how far it is, and what came of it."""

from typing import Any

from flask import Response

from bookstore import auth
from bookstore.blueprints.answers import json_response, page_body, page_request
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.files import made_file
from bookstore.schemas.common import page_of
from bookstore.schemas.v2.jobs import JobQuery, JobSchema
from bookstore.schemas.v2.sockets import StreamQuery
from bookstore.services import jobs

blp = Blueprint("jobs", __name__, description="Jobs: work that takes longer than a request")


@blp.get("/jobs")
@requires("user", scope="by field")
@blp.arguments(JobQuery, location="query")
@blp.response(200, page_of(JobSchema))
def list_jobs(query: dict[str, Any]) -> Response:
    """List the jobs that one asked for, newest first (staff, with `all=true`: everybody's).

    By an API key: those of kinds that the key has the scope of.
    """
    page = jobs.list_jobs(
        auth.current_actor(),
        page_request(query),
        kind=query.get("kind"),
        status=query.get("status"),
        everyone=query["all"],
    )
    return json_response(page_body(JobSchema, page))


@blp.get("/jobs/<id:job_id>")
@requires("user", scope="by field")
@blp.response(200, JobSchema)
def get_job(job_id: int) -> Any:
    """Return a job: how far it is, and what came of it. One's own, or for staff any.

    While it is not over, `Retry-After` says when to ask again; `/ws/jobs/{id}` tells by itself.
    """
    job = jobs.get(auth.current_actor(), job_id)
    return job, 200, {} if job["finished_at"] else {"Retry-After": "1"}


@blp.post("/jobs/<id:job_id>/cancel")
@requires("user", scope="by field")
@blp.response(200, JobSchema)
def cancel(job_id: int) -> Any:
    """Call a job off. What it has done by then stays done; the next step is not taken.

    409 `job_finished` when it has ended otherwise.
    """
    return jobs.cancel(auth.current_actor(), job_id)


@blp.get("/jobs/<id:job_id>/files/<name>")
@requires("user", scope="by field", by_ticket=True)
@blp.arguments(StreamQuery, location="query")
@blp.response(200, {"type": "string"}, content_type="text/html", description="The file")
def get_file(_query: dict[str, Any], job_id: int, name: str) -> Response:
    """Return a file that a job has made; kept for seven days.

    A browser opens it by `?ticket=` (see `/ws/tickets`).
    """
    data, content_type = jobs.read_file(auth.current_actor(), job_id, name)
    return made_file(data, content_type, name)
