"""Refusals of jobs."""

from bookstore.errors.base import Conflict


class JobFinished(Conflict):
    """The job has ended; there is nothing left to call off.

    Nothing to repeat: read how it ended with GET /jobs/{id}.
    """

    code = "job_finished"
