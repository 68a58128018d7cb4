"""What a job of the queue may be: a function of ``bookstore.jobs``, and nothing else."""

import inspect
from typing import Any

from rq.job import Job

from bookstore import jobs

KNOWN = frozenset(
    f"bookstore.jobs.{name}"
    for name, value in vars(jobs).items()
    if inspect.isfunction(value) and not name.startswith("_")
)


class UnknownJob(Exception):
    """A job in the queue names something that is no job of ours."""


class KnownJob(Job):
    """A job that can call functions of ``bookstore.jobs`` and nothing else.

    RQ imports and calls whatever name it finds: whoever can write to Redis could run anything.
    """

    @property
    def func(self) -> Any:
        """Return the function.

        Raises:
            UnknownJob: it is none of ours.
        """
        if self.instance is not None or self.func_name not in KNOWN:
            raise UnknownJob(f"not a job of this shop: {self.func_name!r:.200}")
        return super().func

    def restore(self, raw_data: Any) -> None:
        """Read the job, but for the other names and addresses in it that RQ would call."""
        super().restore(raw_data)
        self._success_callback_name = None
        self._failure_callback_name = None
        self._stopped_callback_name = None
        self.webhooks = []


def name_of(job: Job) -> str:
    """Return what a job is called; one of few names, whoever queued it."""
    return job.func_name.rpartition(".")[2] if job.func_name in KNOWN else "unknown"
