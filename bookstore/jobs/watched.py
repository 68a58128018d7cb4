"""Jobs that somebody asked for and may watch. What is to be done stands in the database."""

from typing import Any

from bookstore.services import book_reports, job_running, jobs, price_updates
from bookstore.services.actors import SYSTEM


def run_job(job_id: int) -> None:
    """Do a job, if nobody else does."""
    job_running.run(job_id)


def generate_book_report(book_id: int) -> dict[str, Any]:
    """Return the report of a book, JSON, as the result of the job of the queue.

    Who wants its files and may wait asks ``POST /reports/books/{id}``.

    Raises:
        NotFound: there is no such book.
    """
    return book_reports.figures(SYSTEM, book_id)


def bulk_update_prices(url: str) -> int:
    """Have the prices of a CSV file at an address applied; return the id of the job that does it.

    Raises:
        UrlNotAllowed: the address leads where nothing of ours may go.
    """
    return price_updates.start(SYSTEM, data=None, url=url, preview=False).id


def look_after_jobs() -> None:
    """Have jobs done that something kept from it; each few seconds.

    Raises:
        redis.RedisError: something is due and Redis is away.
    """
    jobs.wake_due()
