"""Fits of recommendations: one after the other, and each all at once."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, update

from bookstore import clock, errors
from bookstore.extensions import context_maker, db
from bookstore.models import BookNeighbour, RecommendationFit
from bookstore.services import outgoing_owners
from bookstore.services.actors import SYSTEM
from bookstore.services.recommending import fits, fitting
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_user
from tests.recommending import METHODS, at, buy, make_shelf, shown, top


@pytest.fixture
def shelf(app: Flask) -> list[int]:
    return make_shelf()


def test_a_new_one_is_seen_whole_or_not_at_all(
    shelf: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fits, "ROWS", 1)
    fitting.fit(SYSTEM, "counts")
    assert shown(shelf[0])[:2] == [shelf[1], shelf[2]]
    for _ in range(5):
        buy(make_user(), shelf[0], shelf[9])
    query = select(BookNeighbour.neighbour_id).join(RecommendationFit)
    query = query.where(RecommendationFit.state == "current", BookNeighbour.book_id == shelf[0])
    seen: list[list[int]] = []

    def look() -> None:
        with db.engine.connect() as connection:
            seen.append(list(connection.scalars(query.order_by(BookNeighbour.rank))))

    with at("INSERT INTO book_neighbours", look), at("UPDATE recommendation_fits", look):
        fitting.fit(SYSTEM, "counts")
    assert len(seen) > 8
    assert all(found == [shelf[1], shelf[2]] for found in seen)
    assert shown(shelf[0])[0] == shelf[9]
    rows = db.session.scalars(select(RecommendationFit)).all()
    assert [row.state for row in rows] == ["current"]
    pairs = db.session.scalar(select(func.count()).select_from(BookNeighbour))
    assert pairs == rows[0].pairs


def test_one_that_fails_leaves_the_last(shelf: list[int]) -> None:
    fitting.fit(SYSTEM, "counts")
    before = shown(shelf[0])

    def fail() -> None:
        raise ArithmeticError

    with at("INSERT INTO book_neighbours", fail), pytest.raises(ArithmeticError):
        fitting.fit(SYSTEM, "counts")
    assert shown(shelf[0]) == before
    assert fitting.fit(SYSTEM, "counts").pairs > 0


def test_the_shop_is_open_meanwhile(shelf: list[int]) -> None:
    context = context_maker()

    def sell() -> None:
        if len(seen) == 3:
            with ThreadPoolExecutor(1) as other:
                other.submit(run).result()

    def run() -> None:
        with context():
            buy(make_user(), shelf[0], shelf[7])

    # Between counting readers, of all books and of each, and pairs: the first copy of a book.
    with at("count(DISTINCT", sell) as seen:
        assert fitting.fit(SYSTEM, "counts").pairs == 6


def test_two_never_run_together(shelf: list[int]) -> None:
    with unit_of_work() as session:
        session.add(RecommendationFit(method="counts"))
    with pytest.raises(errors.FitRunning):
        fitting.fit(SYSTEM)
    assert fitting.fit_by_night(SYSTEM) is None
    with unit_of_work() as session:
        row = session.scalars(select(RecommendationFit)).one()
        row.started_at = clock.now() - fits.GIVEN_UP_AFTER - timedelta(seconds=1)
    assert fitting.fit(SYSTEM).pairs > 0


def test_one_whose_process_was_killed_keeps_nobody_waiting(shelf: list[int]) -> None:
    ours = outgoing_owners.new_owner()
    gone = subprocess.Popen(["true"])  # its number is nobody's once it has been waited for
    gone.wait()
    theirs = f"{ours[:12]}{gone.pid:08x}{ours[20:]}"
    for owner, waits in ((ours, True), (theirs, False)):
        with unit_of_work() as session:
            session.execute(delete(RecommendationFit))
            session.add(RecommendationFit(method="counts", owner=owner))
        assert (fitting.fit_by_night(SYSTEM) is None) is waits


def test_one_with_more_ratings_than_the_shop_has_is_kept_by_night(
    shelf: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    fitting.fit(SYSTEM, "counts")
    for ratings, is_kept in ((17, True), (16, False)):  # each of eight bought two books
        with unit_of_work() as session:
            session.execute(update(RecommendationFit).values(ratings=ratings))
        with caplog.at_level("INFO", "bookstore"):
            assert (fitting.fit_by_night(SYSTEM) is None) is is_kept
        assert vars(caplog.records[-1]).get("own") == (16 if is_kept else None)


def test_one_that_was_given_up_shows_nothing(shelf: list[int]) -> None:
    def give_up() -> None:
        with db.engine.begin() as connection:
            connection.execute(update(RecommendationFit).values(state="failed"))

    # It looks for what is sold most once its row is there.
    with at("ORDER BY books.sold DESC", give_up), pytest.raises(errors.FitRunning):
        fitting.fit(SYSTEM, "counts")
    assert top(shelf[0]) is None


def test_an_empty_shop(app: Flask) -> None:
    for method in METHODS:
        assert fitting.fit(SYSTEM, method).pairs == 0
