"""Fits that staff asks for: jobs that one may watch and call off, beside the nightly ones."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import select, update

from bookstore import errors
from bookstore.extensions import context_maker, db
from bookstore.jobs import run_job
from bookstore.models import RecommendationFit, User
from bookstore.services import jobs, outgoing_owners
from bookstore.services.actors import SYSTEM
from bookstore.services.recommending import fit_jobs, fits, fitting
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_user
from tests.recommending import at, make_shelf, top
from tests.services.job_kinds import make_due, row
from tests.services.races import Held, in_thread, wait_for


@pytest.fixture
def shelf(app: Flask) -> list[int]:
    return make_shelf()


@pytest.fixture
def clerk(app: Flask) -> User:
    return make_user(is_staff=True)


def elsewhere(act: Callable[[], object]) -> Callable[[], None]:
    """Return what has something done once, by another thread with a connection of its own."""
    context, todo = context_maker(), [act]

    def run() -> None:
        with context():
            todo.pop()()

    def once() -> None:
        if todo:
            with ThreadPoolExecutor(1) as other:
                other.submit(run).result()

    return once


def test_it_is_done_and_tells_what_came_of_it(shelf: list[int], clerk: User) -> None:
    job = fit_jobs.start(clerk)
    assert (job.kind, job.status, job.total) == ("recommendations.fit", "queued", fitting.STEPS)
    assert top(shelf[0]) is None
    run_job(job.id)
    found = row(job.id)
    assert (found.status, found.done, found.total) == ("succeeded", 4, 4)
    assert found.result is not None
    assert found.result.pop("seconds") >= 0
    counts = {"readers": 8, "books": 12, "pairs": 6, "ratings": 0, "unknown": 0, "bad": 0}
    assert found.result == {"method": "ease", **counts}
    assert top(shelf[0]) == shelf[1]
    run_job(job.id)
    assert fit_jobs.start(clerk).id != job.id


def test_without_the_extra_as_well(
    shelf: list[int], clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fits, "ROWS", 1)
    monkeypatch.setitem(sys.modules, "scipy", None)
    job = fit_jobs.start(clerk)
    run_job(job.id)
    found = row(job.id)
    assert (found.status, found.done) == ("succeeded", 4)
    assert found.result is not None
    assert (found.result["method"], found.result["pairs"]) == ("counts", 6)


def test_only_staff_may(app: Flask, clerk: User) -> None:
    with pytest.raises(errors.Forbidden):
        fit_jobs.start(make_user())
    job = fit_jobs.start(clerk)
    with unit_of_work() as session:
        session.execute(update(User).where(User.id == clerk.id).values(is_staff=False))
    run_job(job.id)
    assert row(job.id).error_code == "forbidden"


def test_one_at_a_time(shelf: list[int], clerk: User) -> None:
    job = fit_jobs.start(clerk)
    with pytest.raises(errors.FitRunning):
        fit_jobs.start(clerk)
    fits.begin("counts")  # the nightly one
    run_job(job.id)
    found = row(job.id)
    assert (found.status, found.error_code) == ("failed", "fit_running")
    with pytest.raises(errors.FitRunning):
        fit_jobs.start(clerk)


@pytest.mark.parametrize("database", ["postgresql"])
def test_of_two_who_ask_at_once_one_has_a_job(app: Flask, clerk: User) -> None:
    other = make_user(is_staff=True)
    with ThreadPoolExecutor(2) as pool:
        first = Held(app, pool, lambda: fit_jobs.start(clerk))
        second = in_thread(app, pool, lambda: fit_jobs.start(other))
        wait_for(app, 1)
        first.commit()
        with pytest.raises(errors.FitRunning):
            second.result(20)


def test_of_many_who_ask_at_once_one_has_a_job(app: Flask) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [in_thread(app, pool, lambda: fit_jobs.start(SYSTEM)) for _ in range(8)]
        failed = [one.exception(20) for one in asked]
    assert [type(one) for one in failed if one] == [errors.FitRunning] * 7


def test_the_nightly_one_leaves_it_alone(shelf: list[int], clerk: User) -> None:
    job, night = fit_jobs.start(clerk), []
    # It reads the shop once its row is there.
    with at(
        "ORDER BY books.sold DESC", elsewhere(lambda: night.append(fitting.fit_by_night(SYSTEM)))
    ):
        run_job(job.id)
    assert night == [None]
    assert row(job.id).status == "succeeded"
    assert fitting.fit_by_night(SYSTEM) is not None


def test_called_off_it_changes_nothing(shelf: list[int], clerk: User) -> None:
    job = fit_jobs.start(clerk).id
    with at("ORDER BY books.sold DESC", elsewhere(lambda: jobs.cancel(SYSTEM, job))):
        run_job(job)
    found = row(job)
    assert (found.status, found.result) == ("cancelled", None)
    assert top(shelf[0]) is None
    assert db.session.scalars(select(RecommendationFit)).all() == []
    run_job(fit_jobs.start(clerk).id)
    assert top(shelf[0]) == shelf[1]


def test_a_worker_that_was_killed_is_followed_by_another(shelf: list[int], clerk: User) -> None:
    job = fit_jobs.start(clerk).id
    # As it leaves things: the job says which fit was its own, whose owner may be anywhere.
    left = fits.begin("ease")
    assert not outgoing_owners.is_dead(db.session.get_one(RecommendationFit, left).owner or "")
    with unit_of_work():
        found = row(job)
        found.status, found.lease_owner, found.done = "running", "somebody", 2
        found.state = {"fit": left}
    make_due()
    run_job(job)
    assert (row(job).status, row(job).done, row(job).state) == ("succeeded", 4, {})
    assert top(shelf[0]) == shelf[1]
    assert [one.id for one in db.session.scalars(select(RecommendationFit))] != [left]


def test_what_it_began_is_noted_in_the_job(shelf: list[int], clerk: User) -> None:
    job, seen = fit_jobs.start(clerk).id, []

    def look() -> None:
        running = db.session.scalars(select(RecommendationFit.id)).one()
        seen.append(row(job).state == {"fit": running})

    with at("ORDER BY books.sold DESC", elsewhere(look)):
        run_job(job)
    assert seen == [True]


def test_what_knows_more_stays(shelf: list[int], clerk: User) -> None:
    waiting = fit_jobs.start(clerk).id
    fitting.fit(SYSTEM, "counts")
    with unit_of_work() as session:
        session.execute(update(RecommendationFit).values(ratings=17))
    run_job(waiting)
    assert row(waiting).error_code == "fit_knows_less"
    with pytest.raises(
        errors.FitKnowsLess, match="from 17 ratings of a file; the shop has 16"
    ) as no:
        fit_jobs.start(clerk)
    assert no.value.extra == {"ratings": 17, "own": 16}
