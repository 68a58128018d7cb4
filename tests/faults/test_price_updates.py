"""A worker is killed in the middle of a price update: another ends it, each price changed once."""

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.models import Book, Event
from bookstore.services import catalog_import, price_applying, price_updates
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import new_snapshot
from tests.clients import wait_until
from tests.conftest import Apps
from tests.processes import LiveWorker
from tests.services.job_kinds import row

pytestmark = pytest.mark.faults
BOOKS = 6 * price_applying.BATCH


def test_a_killed_workers_update_is_ended_by_another(
    app: Flask, apps: Apps, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Settings = apps.settings(
        database,
        bookstore_home=tmp_path,
        redis_url=apps.request.getfixturevalue("redis_server").url,
    )
    changed = replace(app.config["SETTINGS"], bookstore_home=tmp_path)
    monkeypatch.setitem(app.config, "SETTINGS", changed)
    books = tmp_path / "books.csv"
    lines = (f"Book {n},Ann Author,1.00,sku-{n}" for n in range(BOOKS))
    books.write_text("\n".join(["title,authors,price,sku", *lines]))
    catalog_import.import_file(SYSTEM, books)
    new = "\n".join(["sku,price", *(f"sku-{n},2.00" for n in range(BOOKS))]).encode()
    with LiveWorker(settings, queue.LONG) as first:
        started = price_updates.start(SYSTEM, data=new, url=None, preview=False)
        job_id, update_id = started.id, started.parameters["price_update_id"]
        new_snapshot()
        with db.engine.connect() as other:
            if database == "postgresql":
                # It comes as far as the last books, and waits for us.
                other.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
                last = "SELECT id FROM books ORDER BY id DESC LIMIT 1 FOR UPDATE"
                other.execute(text(last)).all()
                held = BOOKS + 5 * price_applying.BATCH
                wait_until(lambda: row(job_id).done == held)
            else:
                wait_until(lambda: row(job_id).done > BOOKS)
                new_snapshot()
                other.execute(text("SELECT 1"))  # with the lock of those who write
            first.kill()
            other.rollback()
    found = row(job_id)
    assert (found.status, found.attempts) == ("running", 1)
    assert BOOKS < found.done < 2 * BOOKS
    with LiveWorker(settings, queue.LONG) as second:
        wait_until(lambda: row(job_id).status == "succeeded")
        second.wait_for("job done")
    assert (row(job_id).attempts, row(job_id).done) == (2, 2 * BOOKS)
    assert price_updates.get(SYSTEM, update_id)["counts"]["changed"] == BOOKS
    told = select(func.count()).where(Event.type == "book.updated").group_by(Event.aggregate_id)
    assert list(db.session.scalars(told)) == [1] * BOOKS
    same = select(func.count()).where(Book.price == 200, Book.version == 2)
    assert db.session.scalar(same) == BOOKS
