"""A fit that staff asks for: a job (``recommendations.fit``), begun by ``start``, done by ``run``.

It does what the scheduler has done by night, on the same terms: one at a time, and none that would
know less than the one in place.
"""

from dataclasses import asdict
from typing import Any

from sqlalchemy import select, text

from bookstore import errors
from bookstore.models import Job
from bookstore.models.jobs import UNFINISHED
from bookstore.services import jobs
from bookstore.services.actors import Acting, require_staff
from bookstore.services.job_progress import Progress
from bookstore.services.recommending import fits, fitting
from bookstore.unit_of_work import unit_of_work

KIND = "recommendations.fit"
_LOCK = 7266641


def start(actor: Acting) -> Job:
    """Have it found out anew which books go with which.

    Raises:
        Forbidden: not staff.
        FitRunning: that is being done, or a job waits to do it.
        FitKnowsLess: what is in place was learned from a file of more ratings.
    """
    require_staff(actor)
    waits = select(Job.id).where(Job.kind == KIND, Job.status.in_(UNFINISHED)).limit(1)
    with unit_of_work() as session:
        if session.get_bind().dialect.name == "postgresql":
            # Of two at once, the second must see the first.
            session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        if fits.is_running() or session.scalar(waits) is not None:
            raise errors.FitRunning
        fitting.require_no_less_known()
        return jobs.start(actor, KIND, {}, total=fitting.STEPS)


def run(progress: Progress) -> dict[str, Any]:
    """Do it; the result is the figures of ``fitting.Report``.

    Raises:
        Forbidden: who asked is not staff (any more).
        FitRunning, FitKnowsLess: as ``start``, if it became so meanwhile.
    """
    require_staff(progress.actor)
    fitting.require_no_less_known()
    report = fitting.fit(progress.actor, progress=progress)
    return {**asdict(report), "seconds": round(report.seconds, 1)}
