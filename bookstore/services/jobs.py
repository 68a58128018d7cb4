"""Jobs that somebody asked for and may watch: asked for, looked at, called off, forgotten.

Running them is ``job_running``'s business. A job is a row, written in the same unit of work as what
it belongs to; a worker is woken after the commit, and the sweep finds what nobody was woken for.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.gateways.storage import NotStored
from bookstore.models import Job
from bookstore.models.jobs import CANCELLED, RUNNING, UNFINISHED
from bookstore.services import batches, job_ends, job_views, outgoing_owners, paging, storage
from bookstore.services.actors import Acting, Actor, require_staff, require_user
from bookstore.services.job_kinds import KINDS
from bookstore.services.outgoing import LEASE
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.unit_of_work import collect_after_commit, new_snapshot, unit_of_work

RUN = "bookstore.jobs.run_job"
# What a job's files are kept for, and then its row.
FILES_LIFETIME = timedelta(days=7)
LIFETIME = timedelta(days=90)
FOLDER = "jobs"
LONGEST_FILE = 64 * 1024 * 1024
# A job that may heal waits no longer than this for its next attempt.
LONGEST_WAIT = timedelta(minutes=10)
_BATCH = 100


def start(actor: Acting, kind: str, parameters: dict[str, Any], total: int | None = None) -> Job:
    """Have a job done: its row is written now, with the present unit of work if there is one.

    Args:
        actor: who asks; may watch it. That they may have it done is for the caller to see to.
        kind: one of ``KINDS``.
        parameters: what the kind needs; JSON, shown to who watches, without secrets but those
            in an address ``url``.
        total: how many steps it has, if that is known.
    """
    if kind not in KINDS:
        raise ValueError(f"no kind of job: {kind}")
    with unit_of_work() as session:
        job = Job(
            kind=kind, user_id=actor.id, actor=actor.label, parameters=parameters, total=total
        )
        session.add(job)
        session.flush()
        collect_after_commit(_queue, (job.id, kind))
        return job


def get(actor: Acting, job_id: int) -> dict[str, Any]:
    """Return a job as it stands (``job_views.view``); raises as ``job_views.find``."""
    return job_views.view(job_views.find(actor, job_id))


def list_jobs(
    actor: Acting,
    page: PageRequest,
    *,
    kind: str | None = None,
    status: str | None = None,
    everyone: bool = False,
) -> Page:
    """Return one page of the jobs that the actor asked for, newest first.

    With ``everyone``, of all (staff). By an API key: of the kinds that the key may look at.
    """
    query = select(Job.id, Job)
    if everyone:
        require_staff(actor)
    else:
        query = query.where(Job.user_id == require_user(actor))
    if isinstance(actor, Actor) and actor.key_id is not None:
        query = query.where(Job.kind.in_(_kinds_of(actor)))
    if kind is not None:
        query = query.where(Job.kind == kind)
    if status is not None:
        query = query.where(Job.status == status)
    order = Order("-created", Job.id, Job.id, True, paging.parse_int)
    found = paging.fetch(db.session(), query, order, page)
    return found.of([job_views.view(row[1]) for row in found.data])


def cancel(actor: Acting, job_id: int) -> dict[str, Any]:
    """Call a job off. What it has committed stays; whoever works on it stops at their next step.

    Said again, or of a job that was called off before, it changes nothing.

    Raises:
        JobFinished: it has ended otherwise.
        NotFound, InsufficientScope: as ``job_views.find``.
    """
    with unit_of_work() as session:
        found = job_views.find(actor, job_id)
        job_ends.hold(session, found.parameters)
        job = session.get(
            Job, found.id, populate_existing=True, with_for_update={"key_share": True}
        )
        if job is None:
            raise errors.NotFound(f"There is no job {job_id}.")
        if job.status in UNFINISHED:
            job.status, job.next_attempt_at, job.lease_owner = CANCELLED, None, None
            job.finished_at = job.updated_at = clock.now()
            job.version += 1
            job.parameters = job_ends.without_secrets(job.parameters)
            session.flush()
            job_ends.settle(session, job.parameters, job_ends.CALLED_OFF)
            job_views.publish(job)
        elif job.status != CANCELLED:
            raise errors.JobFinished
        return job_views.view(job)


def read_file(actor: Acting, job_id: int, name: str) -> tuple[bytes, str]:
    """Return (bytes, content type) of a file that a job has made.

    Raises:
        NotFound: there is no such file (any more), or as ``job_views.find``.
        StorageUnavailable: the store cannot be asked.
    """
    job = job_views.find(actor, job_id)
    kept = next((one for one in job.files if one["name"] == name), None)
    new_snapshot()  # a slow bucket is not waited for in a transaction
    if kept is not None:
        with storage.asking() as store:
            try:
                return store.read(kept["key"], LONGEST_FILE), kept["content_type"]
            except NotStored:
                pass
    raise errors.NotFound(f"There is no file {name!r} of job {job_id}.")


# -- from time to time -------------------------------------------------------------------------
def wake_due() -> None:
    """Queue what should have been worked on: its wake-up may be lost, or its worker dead.

    Raises:
        redis.RedisError: something is due and Redis is away.
    """
    bury()
    new_snapshot()
    due = select(Job.id, Job.kind).where(is_due(clock.now()))
    rows = db.session.execute(due.order_by(Job.next_attempt_at).limit(_BATCH)).all()
    # While no worker comes, the queue does not grow with each turn.
    if rows and queue.depths()[queue.LONG] == 0:
        _queue([(row.id, row.kind) for row in rows])


def bury() -> None:
    """Let go of what dead neighbours held: nobody need wait for their leases."""
    new_snapshot()
    held = select(Job.lease_owner).where(Job.next_attempt_at.is_not(None), Job.status == RUNNING)
    for owner in db.session.scalars(held.distinct()).all():
        if owner is not None and outgoing_owners.is_dead(owner):
            with unit_of_work() as session:
                batches.rowcount(
                    session,
                    update(Job)
                    .where(Job.lease_owner == owner, Job.status == RUNNING)
                    .values(lease_owner=None, next_attempt_at=clock.now()),
                )


def is_due(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a job that is not over may be worked on.

    One that waits for a time that is far away was written under another clock.
    """
    far = now + LONGEST_WAIT + LEASE
    return (Job.next_attempt_at <= now) | (Job.next_attempt_at > far)


def forget_files() -> int:
    """Delete the files of jobs that are past their time, and what crashes left; return how many.

    Raises:
        StorageUnavailable: the store cannot be asked.
    """
    count, before = 0, clock.now() - FILES_LIFETIME
    with storage.asking() as store:
        for key in store.older(f"{FOLDER}/", before):
            store.delete(key)
            count += 1
    old = (Job.finished_at < before) & (Job.files != [])
    some = select(Job.id).where(old).limit(_BATCH)

    def forget(session: Session) -> int:
        gone = update(Job).where(Job.id.in_(some), old).values(files=[])
        return batches.rowcount(session, gone)

    batches.until_fewer(_BATCH, forget)
    return count


def forget_old() -> int:
    """Delete jobs that ended long ago; return how many."""
    over = Job.finished_at < clock.now() - LIFETIME
    some = select(Job.id).where(over).limit(_BATCH)

    def forget(session: Session) -> int:
        return batches.rowcount(session, delete(Job).where(Job.id.in_(some), over))

    return batches.until_fewer(_BATCH, forget)


# -- inside ------------------------------------------------------------------------------------
def _queue(jobs: list[tuple[int, str]]) -> None:
    """Have jobs run soon. A Redis that is away is no error: the sweep finds them."""
    for job_id, kind in jobs:
        # A minute more than a job gives itself: then it can say why it ends.
        seconds = KINDS[kind].seconds + 60 if kind in KINDS else 60
        queue.enqueue(RUN, job_id, on=queue.LONG, seconds=seconds)


def _kinds_of(actor: Actor) -> list[str]:
    return [name for name, kind in KINDS.items() if kind.scope in actor.scopes]
