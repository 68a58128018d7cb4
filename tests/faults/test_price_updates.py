"""A worker is killed in the middle of a price update: another ends it, each price changed once."""

from collections.abc import Iterator
from contextlib import contextmanager
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
from tests.processes import LiveWorker
from tests.services.job_kinds import row

pytestmark = pytest.mark.faults
BOOKS = 3 * price_applying.BATCH


def test_a_killed_workers_update_is_ended_by_another(
    app: Flask, for_workers: Settings, tmp_path: Path
) -> None:
    books = tmp_path / "books.csv"
    lines = (f"Book {n},Ann Author,1.00,sku-{n}" for n in range(BOOKS))
    books.write_text("\n".join(["title,authors,price,sku", *lines]))
    catalog_import.import_file(SYSTEM, books)
    new = "\n".join(["sku,price", *(f"sku-{n},2.00" for n in range(BOOKS))]).encode()
    with _stuck_at_the_last_book(), LiveWorker(for_workers, queue.LONG) as first:
        started = price_updates.start(SYSTEM, data=new, url=None, preview=False)
        job_id, update_id = started.id, started.parameters["price_update_id"]
        # It comes as far as the last books, and stays there.
        wait_until(lambda: row(job_id).done == 2 * BOOKS - price_applying.BATCH)
        first.kill()
    assert row(job_id).status == "running"
    assert BOOKS < row(job_id).done < 2 * BOOKS
    with LiveWorker(for_workers, queue.LONG) as second:
        wait_until(lambda: row(job_id).status == "succeeded")
        second.wait_for("job done")
    assert row(job_id).done == 2 * BOOKS
    assert price_updates.get(SYSTEM, update_id)["counts"]["changed"] == BOOKS
    told = select(func.count()).where(Event.type == "book.updated").group_by(Event.aggregate_id)
    assert list(db.session.scalars(told)) == [1] * BOOKS
    same = select(func.count()).where(Book.price == 200, Book.version == 2)
    assert db.session.scalar(same) == BOOKS


@contextmanager
def _stuck_at_the_last_book() -> Iterator[None]:
    """Have whoever changes the price of the last book wait, in the middle of a transaction."""
    new_snapshot()
    last = db.session.scalar(select(func.max(Book.id)))
    new_snapshot()
    with db.engine.connect() as other:
        if other.dialect.name == "postgresql":
            other.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            other.execute(text("SELECT FROM books WHERE id = :id FOR UPDATE"), {"id": last})
            yield
            other.rollback()
            return
        # Nothing waits for a row there: it counts, for longer than anybody waits.
        counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e12)"
        other.execute(
            text(
                f"CREATE TRIGGER stuck BEFORE UPDATE OF price ON books WHEN NEW.id = {last} "
                f"BEGIN SELECT max(i) FROM ({counting} SELECT i FROM n); END"
            )
        )
        other.commit()
        try:
            yield
        finally:
            other.execute(text("DROP TRIGGER stuck"))
            other.commit()
