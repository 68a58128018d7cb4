"""Running jobs: as often as it takes, by whoever is there, with one outcome.

Whoever works on a job holds it by its row for as long as they live. When they die, another goes on:
from where it was last saved, or from the beginning, which every kind is safe to do. What may heal
(the store or the database away) is tried again, a little later each time; all else is an outcome.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import (
    DBAPIError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError as PoolTimeout,
)

from bookstore import clock, errors
from bookstore.extensions import context_maker, db
from bookstore.models import Job, User
from bookstore.models.jobs import FAILED, QUEUED, RUNNING, SUCCEEDED, UNFINISHED
from bookstore.services import (
    book_reports,
    catalog_imports,
    job_ends,
    job_views,
    jobs,
    outgoing_owners,
    price_updates,
)
from bookstore.services.actors import SERVICE, SYSTEM, Actor
from bookstore.services.job_kinds import KINDS
from bookstore.services.job_progress import Held, NoLongerOurs, Progress, TookTooLong
from bookstore.services.outgoing import LEASE
from bookstore.services.recommending import fit_jobs
from bookstore.unit_of_work import unit_of_work

log = logging.getLogger(__name__)

Runs = Callable[[Progress], dict[str, Any]]
"""Does the work; returns the result, which is small and JSON. What it raises is the outcome."""

RUNS: dict[str, Runs] = {
    "report.book": book_reports.make,
    price_updates.KIND: price_updates.run,
    catalog_imports.KIND: catalog_imports.run,
    fit_jobs.KIND: fit_jobs.run,
}
"""Kind → what does it."""


class UnknownKind(Exception):
    """While a release is rolled out, a worker of the one before may get what is new."""

    code = "unknown_kind"


# So often one may begin without getting on.
MAX_ATTEMPTS = 5
FIRST_WAIT = timedelta(seconds=5)
PULSE_SECONDS = 15.0
_HEALS = (
    errors.StorageUnavailable,
    errors.PartUnavailable,
    OperationalError,
    PoolTimeout,
    UnknownKind,
)
_UNEXPECTED = "Something went wrong that should not have; the shop's log says what."


def run(job_id: int) -> bool:
    """Do a job, if it is due; return whether it was. Safe to run twice, also at once.

    Its outcome, whatever it is, is written down. Needs an app context.
    """
    jobs.bury()  # perhaps we are here because whoever had it was killed
    progress = _hold(job_id)
    if progress is None:
        return False
    about = _about(progress)
    try:
        with _pulse(progress.held):
            result = _what_does(progress.held.kind)(progress)
        _end(progress, status=SUCCEEDED, result=result, files=progress.files)
        log.info("job done", extra=about)
    except NoLongerOurs:
        log.info("job given up, it is no longer ours", extra=about)
    except Exception as error:
        if _may_heal(error):
            _put_off(progress, error)
        else:
            _fail(progress, *_told(error, about))
    return True


# -- inside ------------------------------------------------------------------------------------
def _hold(job_id: int) -> Progress | None:
    """Take a job that is due, for as long as we live."""
    now, owner = clock.now(), outgoing_owners.new_owner()
    with unit_of_work() as session:
        job = session.scalars(
            update(Job)
            .where(Job.id == job_id, Job.status.in_(UNFINISHED), jobs.is_due(now))
            .values(
                status=RUNNING,
                lease_owner=owner,
                next_attempt_at=now + LEASE,
                attempts=Job.attempts + 1,
                version=Job.version + 1,
                updated_at=now,
            )
            .returning(Job),
            execution_options={"synchronize_session": False, "populate_existing": True},
        ).first()
        if job is None:
            return None
        job.started_at = job.started_at or now
        # What was not saved is begun anew.
        job.done = job.done if job.state else 0
        held = Held(job.id, job.kind, owner, _actor(job), dict(job.parameters))
        seconds = KINDS[job.kind].seconds if job.kind in KINDS else 60
        progress = Progress(
            held, done=job.done, total=job.total, state=dict(job.state), seconds=seconds
        )
        attempts = job.attempts
        session.flush()
        job_views.publish(job)
    if attempts > MAX_ATTEMPTS:
        _fail(progress, "gave_up", f"It was begun {MAX_ATTEMPTS} times and never got on.")
        return None
    return progress


def _what_does(kind: str) -> Runs:
    if kind not in RUNS:
        raise UnknownKind("This release does not know jobs of this kind.")
    return RUNS[kind]


def _actor(job: Job) -> Actor:
    """Return who asked for a job, with the rights that they have now; the shop itself has all."""
    if job.user_id is None:
        # Also of one whose row is gone.
        return Actor(None, job.actor, is_staff=job.actor in {SYSTEM.label, SERVICE.label})
    staff = db.session.scalar(select(User.is_staff & User.is_active).where(User.id == job.user_id))
    return Actor(job.user_id, job.actor, is_staff=bool(staff))


def _end(progress: Progress, **values: Any) -> None:
    """Write down how a job ended, and end what does not outlive it."""
    values |= {
        "finished_at": clock.now(),
        "next_attempt_at": None,
        "lease_owner": None,
        "state": {},
    }
    values["parameters"] = job_ends.without_secrets(progress.parameters)
    with unit_of_work() as session:
        job_ends.hold(session, progress.parameters)
        progress.write(session, **values)
        if "error" in values:
            job_ends.settle(session, progress.parameters, values["error"])


def _fail(progress: Progress, code: str, detail: str) -> None:
    try:
        _end(progress, status=FAILED, error_code=code, error=detail[:500])
    except NoLongerOurs:
        log.info("job given up, it is no longer ours", extra=_about(progress))
        return
    log.warning("job failed", extra={**_about(progress), "code": code})


def _put_off(progress: Progress, error: Exception) -> None:
    """Try again later, the later the oftener it has been tried."""
    try:
        with unit_of_work() as session:
            attempts = session.scalar(select(Job.attempts).where(Job.id == progress.held.id)) or 1
            wait = min(FIRST_WAIT * 4 ** (attempts - 1), jobs.LONGEST_WAIT)
            if attempts < MAX_ATTEMPTS:
                progress.write(
                    session, status=QUEUED, lease_owner=None, next_attempt_at=clock.now() + wait
                )
    except NoLongerOurs:
        return
    except SQLAlchemyError as away:
        # Then its lease runs out.
        log.warning("job interrupted", extra={**_about(progress), "why": _why(away)})
        return
    if attempts >= MAX_ATTEMPTS:
        detail = f"It was tried {attempts} times: {_why(error)}"
        _fail(progress, getattr(error, "code", "database_unavailable"), detail)
        return
    seconds = round(wait.total_seconds())
    told = {**_about(progress), "why": _why(error), "seconds": seconds}
    log.warning("job put off", extra=told)


def _may_heal(error: Exception) -> bool:
    """Whether it may be otherwise in a moment."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, _HEALS)


def _told(error: Exception, about: dict[str, Any]) -> tuple[str, str]:
    """Return (code, detail) of an outcome; what nobody expected goes to the log, and only there."""
    if isinstance(error, errors.BookstoreError):
        return error.code, error.detail
    if isinstance(error, TookTooLong):
        seconds = KINDS[about["kind"]].seconds
        return "took_too_long", f"It was not done within {seconds} seconds."
    log.error("job went wrong", exc_info=error, extra=about)
    return "internal_error", _UNEXPECTED


def _why(error: Exception) -> str:
    if isinstance(error, errors.BookstoreError):
        return error.detail
    return str(error) if isinstance(error, UnknownKind) else "the database did not answer"


def _about(progress: Progress) -> dict[str, Any]:
    return {"job_id": progress.held.id, "kind": progress.held.kind}


@contextmanager
def _pulse(held: Held) -> Iterator[None]:
    """Keep a job ours while a long step says nothing, in a thread of its own."""
    over, context = threading.Event(), context_maker()

    def renew() -> None:
        with context():
            while not over.wait(PULSE_SECONDS):
                try:
                    with unit_of_work() as session:
                        session.execute(
                            update(Job)
                            .where(Job.id == held.id, Job.lease_owner == held.owner)
                            .values(next_attempt_at=clock.now() + LEASE)
                            .execution_options(synchronize_session=False)
                        )
                except (DBAPIError, PoolTimeout) as error:
                    told = {"job_id": held.id, "why": _why(error)}
                    log.warning("job showed no sign of life", extra=told)

    thread = threading.Thread(target=renew, name="job-pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
