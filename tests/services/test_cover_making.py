"""From an accepted upload to the book's cover: once, whatever happens on the way."""

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import clock, errors
from bookstore.extensions import db, redis_handle, settings
from bookstore.gateways import queue, storage
from bookstore.jobs import look_after_covers, make_cover
from bookstore.models import CoverUpload
from bookstore.services import catalog_editing, cover_making, covers, maintenance
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_book
from tests.pictures import picture, png_bomb
from tests.services import covering
from tests.services.covering import stands, uploaded
from tests.services.races import in_thread


@pytest.fixture(autouse=True)
def folder(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store: empty, in a data folder of the test's own."""
    monkeypatch.setitem(
        app.config, "SETTINGS", replace(app.config["SETTINGS"], bookstore_home=tmp_path)
    )
    return tmp_path / "storage"


def test_a_cover_is_an_edit_of_the_book(app: Flask) -> None:
    book = make_book()
    before = book.version, book.updated_at
    upload = uploaded(book.id)
    assert queue.depths()["jobs"] == 1
    make_cover(upload)
    after = covering.book(book.id)
    assert stands(upload) == ("succeeded", None)
    assert after.version == before[0] + 1
    assert after.updated_at > before[1]
    assert covering.changes(book.id) == 1
    assert after.cover_names is not None
    kept = [f"covers/{name}.webp" for name in after.cover_names.split()]
    assert covering.files("covers") == sorted(kept)
    assert covering.files("incoming") == []


def test_run_twice_it_is_done_once(app: Flask) -> None:
    book = make_book()
    upload = uploaded(book.id)
    for _ in range(3):
        make_cover(upload)
        covering.make_due(upload)
    assert covering.changes(book.id) == 1
    make_cover(999)


def test_run_at_once_it_is_done_once(app: Flask) -> None:
    book = make_book()
    upload = uploaded(book.id)
    with ThreadPoolExecutor(4) as pool:
        runs = [in_thread(app, pool, lambda: cover_making.make(upload)) for _ in range(4)]
        assert sorted(run.result(30) for run in runs) == [False, False, False, True]
    assert stands(upload) == ("succeeded", None)
    assert covering.changes(book.id) == 1


def test_one_that_was_slow_and_its_successor_come_to_the_same(app: Flask) -> None:
    book = make_book()
    upload = uploaded(book.id)
    slow = cover_making._hold(upload)
    assert slow is not None
    names = cover_making._keep(slow.key)
    covering.make_due(upload)
    make_cover(upload)
    cover_making._finish(slow, names)
    assert covering.changes(book.id) == 1
    assert covering.book(book.id).cover_names == names


def test_the_same_picture_for_two_books_is_kept_once(app: Flask) -> None:
    one, other = make_book(), make_book()
    for book in (one, other):
        make_cover(uploaded(book.id))
    assert covering.book(one.id).cover_names == covering.book(other.id).cover_names
    assert len(covering.files("covers")) == 3
    # And once more for the same book: nothing has changed.
    make_cover(again := uploaded(one.id))
    assert stands(again) == ("succeeded", None)
    assert covering.changes(one.id) == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html>", "not_an_image"),
        (picture("GIF"), "not_an_image"),
        (picture("PNG")[:-50], "damaged"),
        (png_bomb(50_000, 50_000), "too_many_pixels"),
    ],
    ids=["html", "gif", "part", "bomb"],
)
def test_a_bad_image_leaves_the_cover_as_it_is(
    app: Flask, data: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    book = make_book()
    make_cover(uploaded(book.id))
    before = covering.book(book.id).cover_names
    bad = uploaded(book.id, data)
    with caplog.at_level(logging.WARNING):
        make_cover(bad)
    assert stands(bad) == ("failed", reason)
    [told] = [vars(one) for one in caplog.records if one.message == "cover refused"]
    assert (told["book_id"], told["reason"]) == (book.id, reason)
    assert covering.book(book.id).cover_names == before
    assert covering.changes(book.id) == 1
    assert covering.files("incoming") == []
    upload = covers.get(SYSTEM, book.id)["upload"]
    assert upload["failure"] == reason
    assert upload["detail"]
    # There is nothing to try again.
    make_cover(bad)
    look_after_covers()
    assert queue.depths()["jobs"] == 2


def test_what_is_larger_than_any_form_allows(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cover_making, "MAX_BYTES", 1000)
    upload = uploaded(make_book().id)
    make_cover(upload)
    assert stands(upload) == ("failed", "damaged")


def test_what_has_gone_from_the_store(app: Flask) -> None:
    book = make_book()
    upload = uploaded(book.id)
    storage.store(settings()).delete(covering.row(id=upload).key)
    make_cover(upload)
    assert stands(upload) == ("failed", "gone")


def test_while_the_store_is_away_it_waits(app: Flask, folder: Path) -> None:
    book = make_book()
    upload = uploaded(book.id)
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("in the way")
    for _ in range(5):  # more often than a bad image may be tried
        make_cover(upload)
        assert stands(upload) == ("pending", None)
        waits = covering.row(id=upload).next_attempt_at
        assert waits is not None
        assert clock.now() < waits < clock.now() + timedelta(seconds=10)
        covering.make_due(upload)
    with unit_of_work() as session:
        long_ago = clock.now() - timedelta(hours=5)
        session.execute(update(CoverUpload).values(created_at=long_ago))
    make_cover(upload)
    waits = covering.row(id=upload).next_attempt_at
    assert waits is not None
    assert waits < clock.now() + timedelta(minutes=11)
    folder.unlink()
    aside.rename(folder)
    covering.make_due(upload)
    make_cover(upload)
    assert stands(upload) == ("succeeded", None)


def test_what_a_dead_worker_held_is_begun_anew(app: Flask) -> None:
    upload = uploaded(make_book().id)
    redis_handle.client.flushall()
    assert cover_making._hold(upload) is not None
    # It is held: nobody else begins, and nobody is woken.
    make_cover(upload)
    look_after_covers()
    assert stands(upload) == ("pending", None)
    assert queue.depths()["jobs"] == 0
    covering.make_due(upload)
    look_after_covers()
    assert queue.depths()["jobs"] == 1
    make_cover(upload)
    assert stands(upload) == ("succeeded", None)


def test_an_image_that_kills_its_workers_is_given_up(app: Flask) -> None:
    upload = uploaded(make_book().id)
    for _ in range(3):
        assert cover_making._hold(upload) is not None
        covering.make_due(upload)
    make_cover(upload)
    assert stands(upload) == ("failed", "gave_up")


def test_while_nobody_works_the_queue_does_not_grow(app: Flask) -> None:
    book = make_book()
    for _ in range(3):
        uploaded(book.id)
    for _ in range(200):
        queue.enqueue("bookstore.jobs.report")
    before = queue.depths()["jobs"]
    look_after_covers()
    assert queue.depths()["jobs"] == before


def test_of_two_the_later_stays(app: Flask) -> None:
    book = make_book()
    first, second = uploaded(book.id, picture("PNG")), uploaded(book.id, picture(size=(9, 9)))
    make_cover(second)
    names = covering.book(book.id).cover_names
    make_cover(first)
    assert (stands(first)[0], stands(second)[0]) == ("superseded", "succeeded")
    assert covering.book(book.id).cover_names == names


def test_a_book_that_goes_meanwhile(app: Flask) -> None:
    book = make_book()
    upload, left = uploaded(book.id), uploaded(book.id)
    held = cover_making._hold(upload)
    assert held is not None
    names = cover_making._keep(held.key)
    key = covering.row(id=left).key
    catalog_editing.delete_book(SYSTEM, book.id)
    cover_making._finish(held, names)
    cover_making._fail(held, "damaged")
    make_cover(left)
    with pytest.raises(errors.NotFound):
        covers.complete(SYSTEM, book.id, key)
    with pytest.raises(errors.NotFound):
        covers.offer(SYSTEM, book.id, "image/png", 1)


def test_what_staff_says_meanwhile_counts(app: Flask) -> None:
    book = make_book()
    upload = uploaded(book.id)
    catalog_editing.update_book(SYSTEM, book.id, {"cover_url": "https://x.example/1.jpg"})
    make_cover(upload)
    assert stands(upload) == ("superseded", None)
    assert covering.book(book.id).cover_names is None


def age(folder: Path, key: str, hours: float) -> None:
    then = (clock.now() - timedelta(hours=hours)).timestamp()
    os.utime(folder / key, (then, then))


def test_what_nobody_completed_goes(app: Flask, folder: Path) -> None:
    book = make_book()
    done, waiting = uploaded(book.id), uploaded(book.id)
    make_cover(done)
    young, old = covering.put(book.id), covering.put(book.id)
    accepted = covering.row(id=waiting).key
    replayed = covering.row(id=done).key
    storage.store(settings()).put(replayed, b"sent once more", "image/png")
    for key in (old, accepted, replayed):
        age(folder, key, 25)
    age(folder, young, 23)
    for key in covering.files("covers"):
        age(folder, key, 10_000)
    assert maintenance.run()["covers never completed"] == 2
    assert covering.files("incoming") == sorted([young, accepted])
    assert len(covering.files("covers")) == 3
    make_cover(waiting)
    assert stands(waiting) == ("succeeded", None)


def test_rows_of_long_ago_go(app: Flask) -> None:
    book = make_book()
    done, waiting = uploaded(book.id), uploaded(book.id)
    make_cover(done)
    with unit_of_work() as session:
        session.execute(update(CoverUpload).values(updated_at=clock.now() - timedelta(days=91)))
    assert cover_making.forget_uploads() == 1
    assert stands(waiting) == ("pending", None)
    db.session.rollback()
