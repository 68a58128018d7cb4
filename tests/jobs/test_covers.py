"""Covers by real workers, also by those that do not live to see them done."""

import os
from dataclasses import replace

import pytest
from flask import Flask

from bookstore.config import Settings
from bookstore.gateways import queue
from bookstore.jobs import look_after_covers
from tests.clients import wait_until
from tests.factories import make_book
from tests.pictures import picture
from tests.processes import LiveWorker
from tests.services import covering


@pytest.fixture(autouse=True)
def same_folder(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Web server and worker see one data folder."""
    changed = replace(app.config["SETTINGS"], bookstore_home=settings.bookstore_home)
    monkeypatch.setitem(app.config, "SETTINGS", changed)


def test_a_worker_makes_them(app: Flask, settings: Settings) -> None:
    book = make_book()
    with LiveWorker(settings, "jobs") as worker:
        good = covering.uploaded(book.id)
        bad = covering.uploaded(book.id, b"not an image")
        wait_until(lambda: covering.stands(good)[0] == "succeeded")
        wait_until(lambda: covering.stands(bad)[0] == "failed")
        worker.wait_for("cover refused")
        assert worker.stop() == 0
        assert "Traceback" not in worker.log
    assert covering.book(book.id).cover_names
    assert queue.queue("jobs").failed_job_registry.count == 0


@pytest.mark.faults
def test_a_killed_worker_loses_nothing(app: Flask, settings: Settings) -> None:
    book = make_book()
    upload = covering.uploaded(book.id)
    key = covering.row(id=upload).key
    file = settings.bookstore_home / "storage" / key
    file.unlink()
    # Whoever reads it waits for somebody to write.
    os.mkfifo(file)
    with LiveWorker(settings, "jobs") as worker:
        wait_until(lambda: covering.row(id=upload).attempts == 1)
        worker.kill()
    file.unlink()
    file.write_bytes(picture())
    assert covering.stands(upload) == ("pending", None)
    # Its hold runs out, and the scheduler looks.
    covering.make_due(upload)
    look_after_covers()
    with LiveWorker(settings, "jobs"):
        wait_until(lambda: covering.stands(upload)[0] == "succeeded")
    assert covering.book(book.id).cover_names
    assert covering.changes(book.id) == 1
