"""The row of a fit: one at a time, given up when its process is gone, seen all at once.

Only one may be running and one current, which the database holds. One whose process is gone is
given up at once, and another machine's after an hour.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.models import BookNeighbour, RecommendationFit
from bookstore.services import batches, catalog_cache, outgoing_owners
from bookstore.unit_of_work import unit_of_work

GIVEN_UP_AFTER = timedelta(hours=1)
# Pairs that are written, or deleted, at once.
ROWS = 5_000
_fit = RecommendationFit


def is_running() -> bool:
    """Whether one is at work, as far as anybody can tell."""
    held = select(_fit.owner, _fit.started_at).where(_fit.state == "running")
    return any(not _is_over(*row) for row in db.session.execute(held))


def ratings_of_current() -> int:
    """Return how many ratings of a file the one that readers see was made of."""
    return db.session.scalar(select(_fit.ratings).where(_fit.state == "current")) or 0


def begin(
    method: str,
    before: int | None = None,
    note: Callable[[Session, int], None] | None = None,
) -> int:
    """Return the id of a new one, ours.

    Args:
        method: how it is done.
        before: one of our own that was interrupted; nobody works on it any more.
        note: writes its id down, in the same transaction.

    Raises:
        FitRunning: there is another.
    """
    try:
        with unit_of_work() as session:
            held = select(_fit.id, _fit.owner, _fit.started_at).where(_fit.state == "running")
            over = [
                row.id
                for row in session.execute(held)
                if row.id == before or _is_over(row.owner, row.started_at)
            ]
            session.execute(
                update(_fit)
                .where(_fit.state == "running", _fit.id.in_(over))
                .values(state="failed", finished_at=clock.now())
            )
            row = _fit(method=method, owner=outgoing_owners.new_owner())
            session.add(row)
            session.flush()
            if note is not None:
                note(session, row.id)
            return row.id
    except IntegrityError:
        raise errors.FitRunning from None


def show(
    fit_id: int,
    readers: int,
    books: int,
    elsewhere: int,
    note: Callable[[Session], None] | None = None,
) -> int:
    """Make a fit the current one, at once for everybody; return how many pairs it has.

    Args:
        fit_id: which.
        readers: of how many it was learned.
        books: of how many books.
        elsewhere: how many ratings of a file it was learned from.
        note: is called in the same transaction; what it raises prevents it.

    Raises:
        FitRunning: it took so long that it was given up, and another may have begun.
    """
    counted = select(func.count()).where(BookNeighbour.fit_id == fit_id)
    ours = (_fit.id == fit_id) & (_fit.state == "running")
    with unit_of_work() as session:
        batches.rowcount(
            session, update(_fit).where(_fit.state == "current").values(state="replaced")
        )
        pairs = session.scalar(counted) or 0
        done = (
            update(_fit)
            .where(ours)
            .values(
                state="current",
                finished_at=clock.now(),
                readers=readers,
                books=books,
                pairs=pairs,
                ratings=elsewhere,
            )
        )
        if not batches.rowcount(session, done):
            raise errors.FitRunning
        if note is not None:
            note(session)
        catalog_cache.changed()
    return pairs


def give_up(fit_id: int) -> None:
    """Note that a fit came to nothing, and delete what it has written."""
    db.session.rollback()
    with unit_of_work() as session:
        batches.rowcount(
            session,
            update(_fit)
            .where(_fit.id == fit_id, _fit.state == "running")
            .values(state="failed", finished_at=clock.now()),
        )
    forget_others()


def forget_others() -> None:
    """Delete the fits that nobody reads any more, some pairs at a time."""
    over = _fit.state.in_(("replaced", "failed"))
    for fit_id in db.session.scalars(select(_fit.id).where(over)).all():
        batches.by_ids(ROWS, BookNeighbour.book_id, _forget_pairs, BookNeighbour.fit_id == fit_id)
        with unit_of_work() as session:
            batches.rowcount(session, delete(_fit).where(_fit.id == fit_id))


def _is_over(owner: str | None, started_at: datetime) -> bool:
    if started_at < clock.now() - GIVEN_UP_AFTER:
        return True
    return owner is not None and outgoing_owners.is_dead(owner)


def _forget_pairs(session: Session, which: ColumnElement[bool]) -> int:
    return batches.rowcount(session, delete(BookNeighbour).where(which))
