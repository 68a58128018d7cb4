"""One fit: whose turn it is, by which method, and the moment when readers see what it found.

A fit is a row. Only one may be running, which the database holds; one whose process is gone is
given up at once, and another machine's after an hour. Pairs are written some at a time, so that
nobody waits for long, and count for nothing until the row is the current one: one short
transaction.
"""

import importlib.util
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Literal

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.extensions import db, settings
from bookstore.models import BookNeighbour, RecommendationFit
from bookstore.services import batches, catalog_cache, outgoing_owners
from bookstore.services.actors import Acting, require_staff
from bookstore.services.recommending import counting, ratings, taste
from bookstore.unit_of_work import new_snapshot, unit_of_work

if TYPE_CHECKING:
    from bookstore.services.recommending import evaluating

Method = Literal["ease", "counts"]
# Of each book. More make lists no better, and the table longer.
NEIGHBOURS = 30
GIVEN_UP_AFTER = timedelta(hours=1)
_ROWS = 5_000
MILLION = 1_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a fit; ``unknown`` ratings of a file are of books that the shop has not."""

    method: Method
    readers: int
    books: int
    pairs: int
    ratings: int
    unknown: int
    bad: int
    seconds: float


def can_learn() -> bool:
    """Return whether numpy and scipy are installed (the extra ``recommendations``)."""
    return all(importlib.util.find_spec(name) is not None for name in ("numpy", "scipy"))


def fit_by_night(actor: Acting) -> Report | None:
    """As ``fit``, of what the shop knows; None if another is running or the present one knows more.

    That is one made with a file of more ratings than the shop has books bought or rated.
    """
    current = RecommendationFit.state == "current"
    there = db.session.scalar(select(RecommendationFit.ratings).where(current)) or 0
    if there and there > (own := taste.count_of_shop()):
        log.info(
            "recommendations of a file of ratings kept, the shop has fewer",
            extra={"ratings": there, "own": own},
        )
        return None
    try:
        return fit(actor)
    except errors.FitRunning:
        log.info("recommendations are being fitted already")
        return None


def fit(
    actor: Acting,
    method: Method | None = None,
    file: ratings.Files | None = None,
) -> Report:
    """Find out which books go with which, and show it to readers from now on.

    Args:
        actor: staff.
        method: ``ease``, or ``counts`` (in SQL, of orders alone); unset: the best there is.
        file: ratings from elsewhere that are learned from as well; not by ``counts``.

    Raises:
        Forbidden: not staff.
        Invalid: a file cannot be read; or ``ease`` without numpy and scipy; or ``counts`` with a
            file.
        FitRunning: another is running.
    """
    require_staff(actor)
    chosen = _chosen(method, file)
    started = time.perf_counter()
    elsewhere = ratings.of_shop(file) if file is not None else ratings.Found()
    fit_id = _begin(chosen)
    try:
        new_snapshot()
        books = taste.books_of_shop(settings().recommendation_books)
        if chosen == "ease":
            readers = _learn(fit_id, books, elsewhere.likes)
        else:
            readers = _count(fit_id, books)
        pairs = _show(fit_id, readers, len(books), len(elsewhere.likes))
    except BaseException:
        _give_up(fit_id)
        raise
    _forget_others()
    seconds = time.perf_counter() - started
    report = Report(
        method=chosen,
        readers=readers,
        books=len(books),
        pairs=pairs,
        ratings=len(elsewhere.likes),
        unknown=elsewhere.unknown,
        bad=elsewhere.bad,
        seconds=seconds,
    )
    log.info(
        "recommendations fitted",
        extra={
            "method": chosen,
            "readers": readers,
            "books": len(books),
            "pairs": pairs,
            "seconds": round(seconds, 1),
        },
    )
    return report


def evaluate(
    actor: Acting, file: ratings.Files | None, seeds: Sequence[int], *, liked: int = 1
) -> "list[evaluating.Result]":
    """Return how good each method is, on ratings that are held back from it.

    Args:
        actor: staff.
        file: ratings from elsewhere, and nothing of the shop; None: the shop's own.
        seeds: how they are drawn, once for each.
        liked: ratings of so many stars and more should be in a list.

    Raises:
        Forbidden: not staff.
        Invalid: a file cannot be read; numpy and scipy are missing; there is too little to split.
    """
    require_staff(actor)
    _chosen("ease", file)
    from bookstore.services.recommending import evaluating

    if file is not None:
        likes, traits = ratings.read(file.ratings).likes, ratings.traits(file)
    else:
        books = taste.books_of_shop(settings().recommendation_books)
        likes, traits = taste.likes_of_shop(books), taste.traits_of_shop(books)
    if len(set(likes.books)) <= evaluating.TOP:
        reason = f"needed: of more than {evaluating.TOP} books"
        raise errors.Invalid({"ratings": [reason]}, f"ratings: {reason}")
    return evaluating.evaluate(likes, traits, seeds, NEIGHBOURS, liked=liked)


def _chosen(method: Method | None, file: ratings.Files | None) -> Method:
    if method == "ease" and not can_learn():
        reason = "ease needs numpy and scipy: pip install numpy scipy"
        raise errors.Invalid({"method": [reason]}, reason)
    chosen: Method = method or ("ease" if can_learn() else "counts")
    if chosen == "counts" and file is not None:
        reason = "a file of ratings needs numpy and scipy: pip install numpy scipy"
        raise errors.Invalid({"ratings": [reason]}, reason)
    if method is None and chosen == "counts":
        log.info("numpy and scipy are not installed: orders are counted in SQL")
    return chosen


# -- the row -----------------------------------------------------------------------------------
def _begin(method: Method) -> int:
    fit, now = RecommendationFit, clock.now()
    try:
        with unit_of_work() as session:
            held = session.scalars(select(fit.owner).where(fit.state == "running")).all()
            dead = [owner for owner in held if owner is not None and outgoing_owners.is_dead(owner)]
            session.execute(
                update(fit)
                .where(fit.state == "running")
                .where((fit.started_at < now - GIVEN_UP_AFTER) | fit.owner.in_(dead))
                .values(state="failed", finished_at=now)
            )
            row = fit(method=method, owner=outgoing_owners.new_owner())
            session.add(row)
            session.flush()
            return row.id
    except IntegrityError:
        raise errors.FitRunning from None


def _show(fit_id: int, readers: int, books: int, elsewhere: int) -> int:
    """Make a fit the current one, at once for everybody; return how many pairs it has."""
    counted = select(func.count()).where(BookNeighbour.fit_id == fit_id)
    ours = (RecommendationFit.id == fit_id) & (RecommendationFit.state == "running")
    with unit_of_work() as session:
        batches.rowcount(
            session,
            update(RecommendationFit)
            .where(RecommendationFit.state == "current")
            .values(state="replaced"),
        )
        done = update(RecommendationFit).where(ours)
        pairs = session.scalar(counted) or 0
        done = done.values(
            state="current",
            finished_at=clock.now(),
            readers=readers,
            books=books,
            pairs=pairs,
            ratings=elsewhere,
        )
        if not batches.rowcount(session, done):
            # It took so long that it was given up, and another may have begun.
            raise errors.FitRunning
        catalog_cache.changed()
    return pairs


def _give_up(fit_id: int) -> None:
    db.session.rollback()
    with unit_of_work() as session:
        batches.rowcount(
            session,
            update(RecommendationFit)
            .where(RecommendationFit.id == fit_id, RecommendationFit.state == "running")
            .values(state="failed", finished_at=clock.now()),
        )
    _forget_others()


def _forget_others() -> None:
    """Delete the fits that nobody reads any more, some pairs at a time."""
    over = RecommendationFit.state.in_(("replaced", "failed"))
    for fit_id in db.session.scalars(select(RecommendationFit.id).where(over)).all():
        batches.by_ids(_ROWS, BookNeighbour.book_id, _forget_pairs, BookNeighbour.fit_id == fit_id)
        with unit_of_work() as session:
            batches.rowcount(
                session, delete(RecommendationFit).where(RecommendationFit.id == fit_id)
            )


def _forget_pairs(session: Session, which: ColumnElement[bool]) -> int:
    return batches.rowcount(session, delete(BookNeighbour).where(which))


# -- the pairs ---------------------------------------------------------------------------------
def _count(fit_id: int, books: Sequence[int]) -> int:
    readers = taste.readers_of_shop()
    _write(fit_id, counting.rows(books, NEIGHBOURS))
    return readers


def _learn(fit_id: int, books: Sequence[int], elsewhere: taste.Likes) -> int:
    # Here, not above: a web process that only shows what was found needs neither.
    from bookstore.services.recommending import learning

    likes = taste.likes_of_shop(books)
    likes.extend(elsewhere)
    traits = taste.traits_of_shop(books)
    new_snapshot()  # it takes a while, and nobody should be waited for meanwhile
    if not books:
        return 0
    found = learning.learn(likes, traits, books, NEIGHBOURS)
    _write(fit_id, found.rows())
    return found.readers


def _write(fit_id: int, rows: Iterable[tuple[int, int, int, float]]) -> None:
    rest = iter(rows)
    while some := list(islice(rest, _ROWS)):
        with unit_of_work() as session:
            session.execute(
                insert(BookNeighbour.__table__),
                [
                    {
                        "fit_id": fit_id,
                        "book_id": book_id,
                        "rank": rank,
                        "neighbour_id": neighbour_id,
                        "score": max(round(score * MILLION), 1),
                    }
                    for book_id, rank, neighbour_id, score in some
                ],
            )
