"""What ends with a job, in the transaction in which it does.

A file of prices that was not read to its end has changed nothing and never will: its price update
has failed. What was applied or undone half-way stays as it is, and can be carried on.

``hold`` comes before the job's row is locked, ``settle`` after: a batch that is being committed
meanwhile locks in this order too.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from bookstore import clock
from bookstore.models import Job, PriceUpdate, PriceUpdateRow
from bookstore.models.jobs import UNFINISHED
from bookstore.models.price_updates import FAILED, READING
from bookstore.scrubbing import open_address
from bookstore.services import batches
from bookstore.unit_of_work import unit_of_work

CALLED_OFF = "It was called off before the file was read."
LEFT = "Whoever read the file came to no end."
# No command reads a file for so long.
_LONG = timedelta(days=1)


def hold(session: Session, parameters: dict[str, Any]) -> None:
    """Lock what may end with a job that has these parameters."""
    session.execute(_reading(parameters))


def settle(session: Session, parameters: dict[str, Any], why: str) -> None:
    """End what does not outlive a job that was called off or has failed.

    Args:
        session: of the unit of work that ends the job, whose row is locked.
        parameters: of the job.
        why: for people.
    """
    _fail(session, session.execute(_reading(parameters)).all(), why)


def without_secrets(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return a job's parameters as they may be seen: a signed address opens what it leads to."""
    url = parameters.get("url")
    return {**parameters, "url": open_address(url)} if url else parameters


def heal() -> int:
    """Have price updates fail that nobody reads: a killed command's, say; return how many."""
    at_work = exists().where(Job.id == PriceUpdate.job_id, Job.status.in_(UNFINISHED))
    is_old = PriceUpdate.updated_at < clock.now() - _LONG
    left = select(PriceUpdate.id, PriceUpdate.url).where(PriceUpdate.status == READING, is_old)
    with unit_of_work() as session:
        found = session.execute(left.where(~at_work).with_for_update(key_share=True)).all()
        _fail(session, found, LEFT)
    return len(found)


# -- inside ------------------------------------------------------------------------------------
def _reading(parameters: dict[str, Any]) -> Any:
    """Select and lock the price update that is being read by a job, if there is one."""
    about = PriceUpdate.id == parameters.get("price_update_id")
    found = select(PriceUpdate.id, PriceUpdate.url).where(about, PriceUpdate.status == READING)
    return found.with_for_update(key_share=True)


def _fail(session: Session, found: Any, why: str) -> None:
    for update_id, url in found:
        failed = {"status": FAILED, "failure": why[:500], "key": None}
        changed = update(PriceUpdate).where(PriceUpdate.id == update_id)
        batches.rowcount(session, changed.values(url=url and open_address(url), **failed))
        # They would be waiting for ever.
        rows = delete(PriceUpdateRow).where(PriceUpdateRow.update_id == update_id)
        batches.rowcount(session, rows)
