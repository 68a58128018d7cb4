"""Jobs: how far they are, what came of them, and calling them off."""

from typing import Any

from flask import Blueprint, Response, url_for

from bookstore import auth
from bookstore.blueprints.console import job_rows
from bookstore.blueprints.console.entrance import staff, staff_asking
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import done, page
from bookstore.blueprints.files import made_file
from bookstore.schemas.console.jobs import JobFilters
from bookstore.schemas.console.webhooks import NoFields
from bookstore.schemas.v2.jobs import STATUSES
from bookstore.services import book_reports, job_kinds, jobs
from bookstore.services.paging import Page
from bookstore.services.recommending import fit_jobs

MENU = "Jobs"
blp = Blueprint("jobs", __name__, url_prefix="/jobs")


@blp.get("/")
@staff_asking(JobFilters)
def index() -> Response:
    """Return the list of jobs."""
    form, found = Form.asked(JobFilters), Page([], None)
    with form:
        filters = form.load()
        filters.pop("cursor", None)
        everyone = not filters.pop("mine", False)
        actor = auth.current_actor()
        found = jobs.list_jobs(actor, form.page_request, everyone=everyone, **filters)
    return page(
        "console/jobs.html",
        form.status,
        form=form,
        found=found,
        kinds=job_kinds.KINDS,
        statuses=STATUSES,
    )


@blp.get("/<id:job_id>")
@staff
def job(job_id: int) -> Response:
    """Return a job."""
    return _show(job_id, Form.of(NoFields))


@blp.get("/<id:job_id>/files/<name>")
@staff
def file(job_id: int, name: str) -> Response:
    """Return a file that a job has made."""
    data, content_type = jobs.read_file(auth.current_actor(), job_id, name)
    return made_file(data, content_type, name)


@blp.post("/<id:job_id>/cancel")
@staff
def cancel(job_id: int) -> Any:
    """Call a job off; what it has done by then stays done."""
    form = Form.sent(NoFields)
    with form:
        jobs.cancel(auth.current_actor(), job_id)
        here = url_for("console.jobs.job", job_id=job_id)
        return done("It is called off. What it had done by then stays done.", here)
    return _show(job_id, form)


@blp.post("/reports/books/<id:book_id>")
@staff
def report_book(book_id: int) -> Any:
    """Have a report of a book made."""
    form = Form.sent(NoFields)
    made = form.once(lambda: str(book_reports.start(auth.current_actor(), book_id).id))
    return done("The report is on its way.", url_for("console.jobs.job", job_id=int(made)))


@blp.post("/recommendations/fits")
@staff
def fit() -> Any:
    """Have it found out which books go with which."""
    form = Form.sent(NoFields)
    made = form.once(lambda: str(fit_jobs.start(auth.current_actor()).id))
    url = url_for("console.jobs.job", job_id=int(made))
    return done("Recommendations are being found out.", url)


def _show(job_id: int, form: Form) -> Response:
    found = jobs.get(auth.current_actor(), job_id)
    return page(
        "console/job.html",
        form.status,
        form=form,
        job=found,
        result=job_rows.of_result(found),
        asked=job_rows.of_parameters(found),
    )
