"""One fit: by which method, of what, and the moment when readers see what it found.

A fit is a row (``fits``). Pairs are written some at a time, so that nobody waits for long, and
count for nothing until the row is the current one: one short transaction.

Each night the scheduler has it done (``fit_by_night``), staff by a job (``fit_jobs``) or a command.
"""

import importlib.util
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

from sqlalchemy import insert
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.extensions import settings
from bookstore.models import BookNeighbour
from bookstore.services.actors import Acting, require_staff
from bookstore.services.job_progress import Progress
from bookstore.services.recommending import counting, fits, ratings, taste
from bookstore.unit_of_work import new_snapshot, unit_of_work

if TYPE_CHECKING:
    from bookstore.services.recommending import evaluating

Method = Literal["ease", "counts"]
# Of each book. More make lists no better, and the table longer.
NEIGHBOURS = 30
# What of it is told to who watches: the shop is read, books learned, pairs written and shown.
STEPS = 4
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
    try:
        require_no_less_known()
        return fit(actor)
    except errors.FitKnowsLess as error:
        log.info("recommendations of a file of ratings kept, the shop has fewer", extra=error.extra)
        return None
    except errors.FitRunning:
        log.info("recommendations are being fitted already")
        return None


def require_no_less_known() -> None:
    """Raise FitKnowsLess if the fit in place has more ratings of a file than the shop itself."""
    there = fits.ratings_of_current()
    if there and there > (own := taste.count_of_shop()):
        raise errors.FitKnowsLess(
            f"What is recommended was learned from {there} ratings of a file; the shop has {own}.",
            ratings=there,
            own=own,
        )


def fit(
    actor: Acting,
    method: Method | None = None,
    file: ratings.Files | None = None,
    progress: Progress | None = None,
) -> Report:
    """Find out which books go with which, and show it to readers from now on.

    Args:
        actor: staff.
        method: ``ease``, or ``counts`` (in SQL, of orders alone); unset: the best there is.
        file: ratings from elsewhere that are learned from as well; not by ``counts``.
        progress: of the job that it is done for. It can be called off until readers see it.

    Raises:
        Forbidden: not staff.
        Invalid: a file cannot be read; or ``ease`` without numpy and scipy; or ``counts`` with a
            file.
        FitRunning: another is running.
        NoLongerOurs, TookTooLong: of the job; nothing is changed.
    """
    require_staff(actor)
    chosen = _chosen(method, file)
    started = time.perf_counter()
    elsewhere = ratings.of_shop(file) if file is not None else ratings.Found()
    watched = _Watched(progress)
    fit_id = fits.begin(chosen, watched.before, watched.begun)
    try:
        new_snapshot()
        books = taste.books_of_shop(settings().recommendation_books)
        make = _learn if chosen == "ease" else _count
        readers = make(fit_id, books, elsewhere.likes, watched)
        pairs = fits.show(fit_id, readers, len(books), len(elsewhere.likes), watched.shown)
    except BaseException:
        fits.give_up(fit_id)
        raise
    fits.forget_others()
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


# -- who watches -------------------------------------------------------------------------------
class _Watched:
    """What is written down of a fit that is done for a job; of another, nothing.

    It begins anew when it is interrupted, so nothing is a batch, but for the last.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.before: int | None = None
        if progress is not None:
            self.before = progress.state.get("fit")
            progress.done = 0
            progress.total = STEPS

    def begun(self, session: Session, fit_id: int) -> None:
        """Whoever takes the job over knows which row nobody works on."""
        if self._progress is not None:
            self._progress.write(session, state={"fit": fit_id})

    def advance(self, steps: int) -> None:
        """So many steps are done."""
        if self._progress is not None:
            self._progress.advance(steps)

    def shown(self, session: Session) -> None:
        """The last step, if the job has not been called off meanwhile."""
        if self._progress is not None:
            self._progress.done = STEPS
            self._progress.write(session)


# -- the pairs ---------------------------------------------------------------------------------
def _count(fit_id: int, books: Sequence[int], _elsewhere: taste.Likes, watched: _Watched) -> int:
    readers = taste.readers_of_shop()
    watched.advance(1)
    # Books are counted some at a time, and what was found of them is written.
    _write(fit_id, counting.rows(books, NEIGHBOURS), watched)
    watched.advance(2)
    return readers


def _learn(fit_id: int, books: Sequence[int], elsewhere: taste.Likes, watched: _Watched) -> int:
    # Here, not above: a web process that only shows what was found needs neither.
    from bookstore.services.recommending import learning

    likes = taste.likes_of_shop(books)
    likes.extend(elsewhere)
    traits = taste.traits_of_shop(books)
    new_snapshot()  # it takes a while, and nobody should be waited for meanwhile
    watched.advance(1)
    if not books:
        return 0
    found = learning.learn(likes, traits, books, NEIGHBOURS)
    watched.advance(1)
    _write(fit_id, found.rows(), watched)
    watched.advance(1)
    return found.readers


def _write(fit_id: int, rows: Iterable[tuple[int, int, int, float]], watched: _Watched) -> None:
    rest = iter(rows)
    while some := list(islice(rest, fits.ROWS)):
        watched.advance(0)
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
