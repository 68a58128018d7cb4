"""Many prices at once: a file is read, shown, applied, and taken back; the work is a job's.

``price_applying`` does it. Here is who may ask for what and when, and what is shown of it.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import case, delete, exists, select
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.models import Book, Job, PriceUpdate, PriceUpdateRow
from bookstore.models.jobs import UNFINISHED
from bookstore.models.price_updates import OUTCOMES
from bookstore.scrubbing import open_address
from bookstore.services import (
    batches,
    incoming_files,
    jobs,
    paging,
    price_applying,
    price_files,
)
from bookstore.services.actors import Acting, require_staff
from bookstore.services.job_progress import Progress
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.services.steps import Alone
from bookstore.unit_of_work import unit_of_work

KIND = "catalog.prices"
LIFETIME = timedelta(days=90)
LARGEST = 10
_BATCH, _PAGE = 1000, 5000
Act = Literal["apply", "undo"]
# In which states it may begin, also anew after a job that ended half-way, and the state meanwhile.
_MOVES: dict[Act, tuple[set[str], str]] = {
    "apply": ({"previewed", "applying"}, "applying"),
    "undo": ({"applied", "applying", "undoing"}, "undoing"),
}
_HALF_WAY = frozenset(status for _, status in _MOVES.values())
_rows = PriceUpdateRow.__table__.c


def start(actor: Acting, *, data: bytes | None, url: str | None, preview: bool) -> Job:
    """Have a file of prices read and, unless it is only to be previewed, applied.

    Args:
        actor: staff.
        data: the file, at most ``price_files.MAX_BYTES``; or
        url: where it is.
        preview: wait, once it is read, for ``apply``.

    Raises:
        Forbidden, UrlNotAllowed, StorageUnavailable: as ``incoming_files.accept``.
    """
    key = incoming_files.accept(actor, data, url)
    with unit_of_work() as session:
        made = PriceUpdate(key=key, url=url, is_preview=preview, actor=actor.label)
        session.add(made)
        session.flush()
        return _work(session, actor, made, "read")


def run_file(
    actor: Acting,
    path: Path,
    *,
    preview: bool,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Read a file of this machine and, unless it is only to be previewed, apply it; here and now.

    Returns:
        As ``get``.

    Raises:
        Forbidden: not staff.
        Invalid: the file is none.
    """
    require_staff(actor)
    price_files.PriceFile(path, str(path))  # refused before anything is written
    with unit_of_work() as session:
        made = PriceUpdate(is_preview=preview, actor=actor.label)
        session.add(made)
    steps = Alone(actor, progress)
    price_applying.read(made.id, path, steps)
    if not preview:
        price_applying.go_through(made.id, "apply", steps)
    return get(actor, made.id)


def run_act(
    actor: Acting,
    update_id: int,
    act: Act,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Apply a previewed update, or undo one, here and now; as ``apply`` and ``undo`` otherwise."""
    with unit_of_work() as session:
        _claim(session, actor, update_id, act)
    price_applying.go_through(update_id, act, Alone(actor, progress))
    return get(actor, update_id)


def apply(actor: Acting, update_id: int) -> Job:
    """Have a previewed update applied, or one whose job was ended half-way carried on.

    Raises:
        Forbidden, NotFound: as ever.
        PriceUpdateBusy: a job is at it.
        PriceUpdateStatus: it is not read yet, or was applied.
    """
    return _go_on(actor, update_id, "apply")


def undo(actor: Acting, update_id: int) -> Job:
    """Have the old prices put back, where the price still is what the update has made of it.

    Raises:
        Forbidden, NotFound: as ever.
        PriceUpdateBusy: a job is at it.
        PriceUpdateStatus: nothing of it was applied, or it was undone.
    """
    return _go_on(actor, update_id, "undo")


def run(progress: Progress) -> dict[str, Any]:
    """Do what a job is for; its result is the counts."""
    wanted = progress.parameters
    counted = price_applying.work(wanted["price_update_id"], wanted["act"], progress)
    return {"price_update_id": wanted["price_update_id"], "counts": _all_counts(counted)}


# -- looking -----------------------------------------------------------------------------------
def get(actor: Acting, update_id: int) -> dict[str, Any]:
    """Return an update with ``counts``, ``largest_changes`` and whether it ``is_interrupted``.

    That is half-way, and no job is at it: who looks at it may carry it on, or undo it.

    Raises:
        Forbidden: not staff.
        NotFound: there is none (any more).
    """
    found, is_busy = _find_with_job(actor, update_id)
    counted = price_applying.counts(update_id)
    old, new = _rows.old_price + 1.0, _rows.new_price + 1.0
    factor = case((new > old, new / old), else_=old / new)
    largest = _shown(update_id).where(_rows.old_price != _rows.new_price)
    return {
        **_view(found),
        "counts": _all_counts(counted),
        "is_interrupted": found.status in _HALF_WAY and not is_busy,
        "largest_changes": [
            dict(row)
            for row in db.session.execute(
                largest.order_by(factor.desc(), _rows.row).limit(LARGEST)
            ).mappings()
        ],
    }


def list_updates(actor: Acting, page: PageRequest) -> Page:
    """Return one page of the updates, newest first, without counts."""
    require_staff(actor)
    order = Order("-created", PriceUpdate.id, PriceUpdate.id, True, paging.parse_int)
    found = paging.fetch(db.session(), select(PriceUpdate.id, PriceUpdate), order, page)
    return found.of([_view(row[1]) for row in found.data])


def list_rows(actor: Acting, update_id: int, page: PageRequest, outcome: str | None = None) -> Page:
    """Return one page of an update's rows, in their order; perhaps only those of one outcome."""
    _find(actor, update_id)
    query = _shown(update_id)
    if outcome is not None:
        query = query.where(_rows.outcome == outcome)
    order = Order("row", _rows.row, _rows.id, False, paging.parse_int)
    return paging.fetch(db.session(), query, order, page)


def all_rows(
    actor: Acting, update_id: int, outcome: str | None = None
) -> Iterator[Mapping[str, Any]]:
    """Yield all rows of an update, in their order, some thousand in memory."""
    _find(actor, update_id)
    query = _shown(update_id).order_by(_rows.row).limit(_PAGE)
    if outcome is not None:
        query = query.where(_rows.outcome == outcome)
    last = 0
    while found := db.session.execute(query.where(_rows.row > last)).all():
        yield from (dict(row._mapping) for row in found)
        last = found[-1].row


def forget_old() -> int:
    """Delete updates that nobody has touched for long, and their rows; return how many updates."""
    over = PriceUpdate.updated_at < clock.now() - LIFETIME
    old = select(PriceUpdate.id).where(over)
    some = select(_rows.id).where(_rows.update_id.in_(old)).limit(_BATCH)

    def forget_rows(session: Session) -> int:
        return batches.rowcount(session, delete(PriceUpdateRow).where(PriceUpdateRow.id.in_(some)))

    batches.until_fewer(_BATCH, forget_rows)
    bare = over & ~exists().where(_rows.update_id == PriceUpdate.id)
    with unit_of_work() as session:
        return batches.rowcount(session, delete(PriceUpdate).where(bare))


# -- inside ------------------------------------------------------------------------------------
def _go_on(actor: Acting, update_id: int, act: Act) -> Job:
    with unit_of_work() as session:
        return _work(session, actor, _claim(session, actor, update_id, act), act)


def _claim(session: Session, actor: Acting, update_id: int, act: Act) -> PriceUpdate:
    """Return an update for which this act has begun."""
    require_staff(actor)
    found = session.get(PriceUpdate, update_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise errors.NotFound(f"There is no price update {update_id}.")
    if _is_busy(session, found):
        raise errors.PriceUpdateBusy
    allowed, status = _MOVES[act]
    if found.status not in allowed:
        raise errors.PriceUpdateStatus(found.status)
    found.status = status
    return found


def _is_busy(session: Session, found: PriceUpdate) -> bool:
    at_it = select(Job.id).where(Job.id == found.job_id, Job.status.in_(UNFINISHED))
    return session.scalar(at_it) is not None


def _find_with_job(actor: Acting, update_id: int) -> tuple[PriceUpdate, bool]:
    """As ``_find``, and whether a job is at it.

    In one statement: a job that ends between two would leave behind what looks interrupted.
    """
    require_staff(actor)
    at_it = exists().where(Job.id == PriceUpdate.job_id, Job.status.in_(UNFINISHED))
    query = select(PriceUpdate, at_it).where(PriceUpdate.id == update_id)
    row = db.session.execute(query.execution_options(populate_existing=True)).first()
    if row is None:
        raise errors.NotFound(f"There is no price update {update_id}.")
    return row[0], row[1]


def _work(session: Session, actor: Acting, found: PriceUpdate, act: str) -> Job:
    job = jobs.start(actor, KIND, {"price_update_id": found.id, "act": act})
    found.job_id = job.id
    session.flush()
    return job


def _find(actor: Acting, update_id: int) -> PriceUpdate:
    require_staff(actor)
    found = db.session.get(PriceUpdate, update_id)
    if found is None:
        raise errors.NotFound(f"There is no price update {update_id}.")
    return found


def _shown(update_id: int) -> Any:
    names = ("id", "row", "named", "book_id", "old_price", "new_price", "outcome", "reason")
    return (
        select(*(_rows[name] for name in names), Book.title)
        .outerjoin(Book, Book.id == _rows.book_id)
        .where(_rows.update_id == update_id)
    )


def _view(found: PriceUpdate) -> dict[str, Any]:
    return {
        "id": found.id,
        "status": found.status,
        "preview": found.is_preview,
        "named_by": found.named_by,
        "url": found.url and open_address(found.url),
        "failure": found.failure,
        "requested_by": found.actor,
        "job_id": found.job_id,
        "created_at": found.created_at,
        "applied_at": found.applied_at,
        "undone_at": found.undone_at,
    }


def _all_counts(counted: dict[str, int]) -> dict[str, int]:
    every = {name: counted.get(name, 0) for name in OUTCOMES}
    return {"rows": sum(every.values()), **every}
