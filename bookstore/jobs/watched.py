"""Jobs that somebody asked for and may watch. What is to be done stands in the database."""

from bookstore.services import job_running, jobs


def run_job(job_id: int) -> None:
    """Do a job, if nobody else does."""
    job_running.run(job_id)


def look_after_jobs() -> None:
    """Have jobs done that something kept from it; each few seconds.

    Raises:
        redis.RedisError: something is due and Redis is away.
    """
    jobs.wake_due()
