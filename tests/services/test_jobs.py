"""Jobs: nothing accepted is lost, what is done is done once, and each has one outcome."""

import logging
import os
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from bookstore import clock, errors
from bookstore.extensions import db, redis_handle, settings
from bookstore.gateways import queue
from bookstore.jobs import look_after_jobs, run_job
from bookstore.models import Author, Job
from bookstore.services import job_running, jobs, maintenance, outgoing_owners
from bookstore.services.actors import SYSTEM, Actor
from bookstore.services.job_kinds import KINDS
from bookstore.services.job_progress import Progress
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_author, make_user
from tests.services.job_kinds import make_due, planted, row

Patch = pytest.MonkeyPatch


def stands(job_id: int) -> tuple[str, str | None]:
    """Return (status, code of the error)."""
    found = row(job_id)
    return found.status, found.error_code


def authors() -> int:
    return db.session.scalar(select(func.count()).select_from(Author)) or 0


def write_authors(progress: Progress) -> dict[str, Any]:
    """Make three authors, one a batch; begin behind those that were made before."""
    progress.total = 3
    for number in range(progress.state.get("made", 0), 3):
        with progress.batch(1, made=number + 1):
            make_author("Author", f"No {number}")
            if progress.parameters.get("fall_at") == number and row_attempts(progress) == 1:
                raise KeyboardInterrupt  # as if the process had been told to go
    return {"made": 3}


def row_attempts(progress: Progress) -> int:
    return db.session.scalar(select(Job.attempts).where(Job.id == progress.held.id)) or 0


def test_every_kind_is_done_by_something() -> None:
    assert set(KINDS) == set(job_running.RUNS)


def test_it_is_written_and_woken_with_what_it_belongs_to(app: Flask, monkeypatch: Patch) -> None:
    kind = planted(monkeypatch, lambda progress: {"said": progress.parameters["say"]})
    user = make_user(is_staff=True)
    redis_handle.client.flushall()
    with pytest.raises(ZeroDivisionError), unit_of_work():
        jobs.start(user, kind, {"say": "nothing"})
        raise ZeroDivisionError
    assert (jobs.list_jobs(user, jobs.PageRequest()).data, queue.depths()["long"]) == ([], 0)
    job_id = jobs.start(user, kind, {"say": "hello"}).id
    assert queue.depths()["long"] == 1
    run_job(job_id)
    found = jobs.get(user, job_id)
    assert (found["status"], found["result"], found["error"]) == (
        "succeeded",
        {"said": "hello"},
        None,
    )
    assert found["created_at"] <= found["started_at"] <= found["finished_at"]
    run_job(job_id)  # twice changes nothing
    assert jobs.get(user, job_id) == found


def test_a_batch_is_done_once_however_often_it_begins(app: Flask, monkeypatch: Patch) -> None:
    kind = planted(monkeypatch, write_authors)
    before = authors()
    job_id = jobs.start(SYSTEM, kind, {"fall_at": 1}).id
    with pytest.raises(KeyboardInterrupt):
        run_job(job_id)
    found = row(job_id)
    assert (found.status, found.done, found.state) == ("running", 1, {"made": 1})
    run_job(job_id)  # it is held still
    assert authors() == before + 1
    make_due()
    run_job(job_id)
    assert authors() == before + 3
    assert (stands(job_id), row(job_id).done) == (("succeeded", None), 3)


def test_what_a_dead_neighbour_held_is_due_at_once(app: Flask, monkeypatch: Patch) -> None:
    kind = planted(monkeypatch, write_authors)
    job_id = jobs.start(SYSTEM, kind, {}).id
    redis_handle.client.flushall()  # the wake-up is lost
    assert job_running._hold(job_id) is not None
    look_after_jobs()
    assert queue.depths()["long"] == 0
    monkeypatch.setattr(outgoing_owners, "is_dead", lambda _owner: True)
    look_after_jobs()
    look_after_jobs()
    assert queue.depths()["long"] == 1
    run_job(job_id)
    assert stands(job_id) == ("succeeded", None)


def test_one_that_kills_its_workers_is_given_up(app: Flask, monkeypatch: Patch) -> None:
    job_id = jobs.start(SYSTEM, planted(monkeypatch, write_authors), {}).id
    for _ in range(job_running.MAX_ATTEMPTS):
        assert job_running._hold(job_id) is not None
        make_due()
    run_job(job_id)
    assert stands(job_id) == ("failed", "gave_up")


def test_what_may_heal_is_tried_again_and_then_given_up(app: Flask, monkeypatch: Patch) -> None:
    def away(_progress: Progress) -> dict[str, Any]:
        raise errors.StorageUnavailable

    job_id = jobs.start(SYSTEM, planted(monkeypatch, away), {}).id
    for attempt in range(1, job_running.MAX_ATTEMPTS):
        run_job(job_id)
        found = row(job_id)
        assert (found.status, found.attempts, found.lease_owner) == ("queued", attempt, None)
        assert found.next_attempt_at is not None
        waits = found.next_attempt_at - clock.now()
        assert timedelta() < waits <= jobs.LONGEST_WAIT
        run_job(job_id)  # not due yet
        assert row(job_id).attempts == attempt
        make_due()
    run_job(job_id)
    assert stands(job_id) == ("failed", "storage_unavailable")


def test_a_kind_of_a_later_release_waits_for_its_workers(app: Flask, monkeypatch: Patch) -> None:
    kind = planted(monkeypatch, write_authors)
    job_id = jobs.start(SYSTEM, kind, {}).id
    with monkeypatch.context() as older:
        older.delitem(job_running.RUNS, kind)
        older.delitem(KINDS, kind)
        run_job(job_id)
        assert stands(job_id) == ("queued", None)
    make_due()
    run_job(job_id)
    assert stands(job_id) == ("succeeded", None)


def test_a_mistake_is_told_to_the_log_alone(
    app: Flask, monkeypatch: Patch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(_progress: Progress) -> dict[str, Any]:
        raise ValueError("a secret: xyzzy")

    def refused(_progress: Progress) -> dict[str, Any]:
        raise errors.Invalid({"rows": ["No such book."]})

    for run, code in ((wrong, "internal_error"), (refused, errors.Invalid.code)):
        job_id = jobs.start(SYSTEM, planted(monkeypatch, run), {}).id
        with caplog.at_level(logging.WARNING):
            run_job(job_id)
        assert stands(job_id) == ("failed", code)
        assert "xyzzy" not in (row(job_id).error or "")
        [last] = [one for one in caplog.records if one.msg == "job failed"][-1:]
        assert vars(last)["job_id"] == job_id
    assert "xyzzy" in caplog.text


def test_one_that_takes_too_long_says_so(app: Flask, monkeypatch: Patch) -> None:
    job_id = jobs.start(SYSTEM, planted(monkeypatch, write_authors, seconds=-1), {}).id
    run_job(job_id)
    assert stands(job_id) == ("failed", "took_too_long")


def test_called_off_it_stops_at_its_next_step(app: Flask, monkeypatch: Patch) -> None:
    user = make_user(is_staff=True)
    before = authors()

    def called_off(progress: Progress) -> dict[str, Any]:
        with progress.batch(1, made=1):
            make_author()
        jobs.cancel(user, progress.held.id)
        with progress.batch(1, made=2):
            make_author()
        return {}

    kind = planted(monkeypatch, called_off)
    job_id = jobs.start(user, kind, {}).id
    run_job(job_id)
    assert (stands(job_id), authors()) == (("cancelled", None), before + 1)
    assert jobs.cancel(user, job_id)["status"] == "cancelled"
    waiting = jobs.start(user, kind, {}).id
    jobs.cancel(user, waiting)
    run_job(waiting)
    assert stands(waiting) == ("cancelled", None)
    planted(monkeypatch, lambda _progress: {})
    done = jobs.start(user, kind, {}).id
    run_job(done)
    with pytest.raises(errors.JobFinished):
        jobs.cancel(user, done)


def test_rights_are_those_of_now(app: Flask, monkeypatch: Patch) -> None:
    seen: list[Actor] = []
    kind = planted(monkeypatch, lambda progress: {"n": seen.append(progress.actor)})
    user = make_user(is_staff=True)
    ids = [jobs.start(who, kind, {}).id for who in (user, SYSTEM)]
    with unit_of_work():
        user.is_staff = False
    for job_id in ids:
        run_job(job_id)
    assert [(one.id, one.is_staff) for one in seen] == [(user.id, False), (None, True)]


def test_files_go_after_a_week_and_jobs_after_a_quarter(app: Flask, monkeypatch: Patch) -> None:
    def keeps(progress: Progress) -> dict[str, Any]:
        progress.keep("report.csv", b"a,b\n", "text/csv")
        return {}

    user = make_user(is_staff=True)
    job_id = jobs.start(user, planted(monkeypatch, keeps), {}).id
    run_job(job_id)
    [kept] = row(job_id).files
    assert jobs.read_file(user, job_id, "report.csv") == (b"a,b\n", "text/csv")
    maintenance.run()
    path = settings().bookstore_home / "storage" / kept["key"]
    assert path.exists()
    _age(job_id, jobs.FILES_LIFETIME)
    os.utime(path, (0, 0))
    done = maintenance.run()
    assert (done["files of jobs"], done["jobs"]) == (1, 0)
    assert (row(job_id).files, path.exists()) == ([], False)
    with pytest.raises(errors.NotFound):
        jobs.read_file(user, job_id, "report.csv")
    _age(job_id, jobs.LIFETIME)
    assert maintenance.run()["jobs"] == 1
    with pytest.raises(errors.NotFound):
        jobs.get(user, job_id)


def _age(job_id: int, by: timedelta) -> None:
    with unit_of_work() as session:
        session.execute(
            update(Job)
            .where(Job.id == job_id)
            .values(finished_at=clock.now() - by - timedelta(minutes=1))
        )
