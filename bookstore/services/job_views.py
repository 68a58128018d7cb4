"""A job as others see it: on the wire, and in the messages to those who watch it."""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import select

from bookstore import errors
from bookstore.extensions import db
from bookstore.gateways import news
from bookstore.gateways.pubsub import Update
from bookstore.models import Job
from bookstore.models.jobs import UNFINISHED
from bookstore.services import job_ends, reading, scopes
from bookstore.services.actors import Acting, Actor, require_user
from bookstore.services.event_words import rfc3339
from bookstore.services.job_kinds import KINDS
from bookstore.unit_of_work import collect_after_commit

TOPIC = "job"


def find(actor: Acting, job_id: int) -> Job:
    """Return a job that the actor asked for (staff: any).

    Raises:
        NotFound: there is none, or it is another's.
        InsufficientScope: by an API key that may not do what the job does.
    """
    query = select(Job).where(Job.id == job_id)
    if not actor.is_staff:
        query = query.where(Job.user_id == require_user(actor))
    job = db.session.scalar(query)
    if job is None:
        raise errors.NotFound(f"There is no job {job_id}.")
    if isinstance(actor, Actor):
        scopes.require_scope(actor, scope_of(job.kind))
    return job


def scope_of(kind: str) -> scopes.Scope | None:
    """Return what an API key needs for jobs of a kind; None, so no key will do: it is no more."""
    return KINDS[kind].scope if kind in KINDS else None


def view(job: Job) -> dict[str, Any]:
    """Return a job as it is shown; instants as such, addresses without what may be secret."""
    return {
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "progress": {"done": job.done, "total": job.total},
        "parameters": job_ends.without_secrets(job.parameters),
        "result": job.result,
        "files": [_file(job.id, one) for one in job.files],
        "error": None if job.error_code is None else {"code": job.error_code, "detail": job.error},
        "version": job.version,
        "requested_by": job.actor,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def snapshot(actor: Acting, job_id: int) -> tuple[int, bytes]:
    """Return (version, the ``job_snapshot`` message) of a job; raises as ``find``."""
    job = find(actor, job_id)
    return job.version, orjson.dumps({"type": "job_snapshot", "job": _told(view(job))})


def states(job_ids: list[int]) -> list[Update]:
    """Return the present state of these jobs, for those who may have missed a change."""
    return [_update(job) for job in db.session.scalars(select(Job).where(Job.id.in_(job_ids)))]


def publish(job: Job) -> None:
    """Tell who watches a job how it stands, once the present unit of work has committed."""
    if job.user_id is not None and job.status not in UNFINISHED:
        # Who is told that it is over asks for what came of it.
        reading.concerns(job.user_id)
    collect_after_commit(news.tell, _update(job))


def _update(job: Job) -> Update:
    told: dict[str, Any] = {
        "job_id": job.id,
        "status": job.status,
        "version": job.version,
        "progress": {"done": job.done, "total": job.total},
        "at": rfc3339(job.updated_at),
    }
    if job.status not in UNFINISHED:
        shown = view(job)
        told |= {name: shown[name] for name in ("result", "files", "error")}
    message = orjson.dumps({"type": "job_update", "update": told})
    return Update(TOPIC, job.id, job.version, message)


def _file(job_id: int, kept: dict[str, Any]) -> dict[str, Any]:
    shown = {name: kept[name] for name in ("name", "content_type", "size")}
    return {**shown, "url": f"/api/v2/jobs/{job_id}/files/{kept['name']}"}


def _told(shown: dict[str, Any]) -> dict[str, Any]:
    moments: Iterable[str] = ("created_at", "started_at", "finished_at")
    return {**shown, **{name: shown[name] and rfc3339(shown[name]) for name in moments}}
