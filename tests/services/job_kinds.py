"""Kinds of jobs that tests make up, and jobs as they stand; each needs an app context."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest
from sqlalchemy import select, update

from bookstore import clock
from bookstore.extensions import db, settings
from bookstore.gateways import storage
from bookstore.jobs import run_job
from bookstore.models import Job
from bookstore.models.jobs import UNFINISHED
from bookstore.services import job_kinds, job_running, jobs
from bookstore.services.actors import Acting
from bookstore.services.job_kinds import Kind
from bookstore.services.job_progress import Progress
from bookstore.unit_of_work import new_snapshot, unit_of_work


def planted(
    patch: pytest.MonkeyPatch, run: Callable[[Progress], dict[str, Any]], seconds: int = 60
) -> str:
    """Have a kind of job that does this, and return its name."""
    patch.setitem(job_kinds.KINDS, "test.planted", Kind("reports", seconds=seconds))
    patch.setitem(job_running.RUNS, "test.planted", run)
    return "test.planted"


def row(job_id: int) -> Job:
    """Return a job as the database has it now."""
    new_snapshot()
    query = select(Job).where(Job.id == job_id).execution_options(populate_existing=True)
    return db.session.scalars(query).one()


def make_due() -> None:
    """Have every wait and every lease run out."""
    with unit_of_work() as session:
        session.execute(
            update(Job)
            .where(Job.status.in_(UNFINISHED))
            .values(next_attempt_at=clock.now())
            .execution_options(synchronize_session=False)
        )


def with_file(user: Acting, name: str) -> int:
    """Return the id of a job of somebody's that has made a file."""
    key = f"jobs/0/{name}"
    storage.store(settings()).put(key, b"a,b", "text/csv")
    with unit_of_work():
        job = jobs.start(user, "report.book", {"book_id": 1})
        job.files = [{"name": name, "key": key, "content_type": "text/csv", "size": 3}]
        return job.id


def run_with_interruptions(monkeypatch: pytest.MonkeyPatch, job_id: int, at_most: int) -> None:
    """Run a job by one worker after the other, each of which ends after one batch."""
    whole, left = Progress.batch, 0

    def falling(progress: Progress, steps: int, **state: Any) -> AbstractContextManager[Any]:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt  # as if the process had been told to go
        return whole(progress, steps, **state)

    monkeypatch.setattr(Progress, "batch", falling)
    for _ in range(at_most):
        if row(job_id).status == "succeeded":
            break
        left = 1
        make_due()
        with suppress(KeyboardInterrupt):
            run_job(job_id)
