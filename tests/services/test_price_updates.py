"""Price updates: interrupted anywhere each price changes once, in few statements; from a shell."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import event, func, select, text, update

from bookstore import clock, errors
from bookstore.cli.catalog import catalog_cli
from bookstore.extensions import context_maker, db
from bookstore.jobs import bulk_update_prices, generate_book_report, run_job
from bookstore.models import Book, Event, Job, PriceUpdate, PriceUpdateRow
from bookstore.services import (
    incoming_files,
    job_ends,
    price_applying,
    price_files,
    price_updates,
)
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import new_snapshot, unit_of_work
from tests.clients import statements
from tests.factories import make_author, make_book, make_user
from tests.fakes import receiver as modes
from tests.fakes.receiver import Receiver
from tests.services.job_kinds import row, run_with_interruptions


def shelf(count: int) -> list[int]:
    author = make_author().id
    return [make_book(author_id=author).id for _ in range(count)]


def table(books: list[int], price: str = "5.00") -> bytes:
    return "\n".join(["id,price", *(f"{book},{price}" for book in books)]).encode()


def prices() -> list[int]:
    new_snapshot()
    return list(db.session.scalars(select(Book.price).order_by(Book.id)))


def updated_events() -> list[int]:
    """Return how many events of a change each book has that has any."""
    query = select(func.count()).where(Event.type == "book.updated").group_by(Event.aggregate_id)
    return list(db.session.scalars(query))


def test_it_goes_on_wherever_it_was_interrupted(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = shelf(7)
    monkeypatch.setattr(price_files, "BATCH", 3)
    monkeypatch.setattr(price_applying, "BATCH", 2)
    job = price_updates.start(SYSTEM, data=table([*books, books[0]]), url=None, preview=False)
    job_id, update_id = job.id, job.parameters["price_update_id"]
    run_with_interruptions(monkeypatch, job_id, at_most=20)
    assert (row(job_id).status, row(job_id).done) == ("succeeded", 8 + 7)
    assert prices() == [500] * 7
    assert updated_events() == [1] * 7
    counts = price_updates.get(SYSTEM, update_id)["counts"]
    assert (counts["changed"], counts["refused"]) == (7, 1)
    [versions] = db.session.execute(select(func.min(Book.version), func.max(Book.version)))
    assert tuple(versions) == (2, 2)


def test_two_at_once_are_as_good_as_one(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(table(shelf(3)))
    update_id = price_updates.run_file(SYSTEM, path, preview=True)["id"]

    def apply() -> None:
        # Where only one writes at a time, it comes too late.
        with app.app_context(), suppress(errors.PriceUpdateStatus):
            price_updates.run_act(SYSTEM, update_id, "apply")

    other = Thread(target=apply)

    def looked(*about: Any) -> None:
        if "old_price" in about[2] and other.ident is None:
            other.start()
            other.join(1)  # it is done by then, or waits for us

    event.listen(db.engine, "after_cursor_execute", looked)
    try:
        price_updates.run_act(SYSTEM, update_id, "apply")
    finally:
        event.remove(db.engine, "after_cursor_execute", looked)
        other.join()
    counts = price_updates.get(SYSTEM, update_id)["counts"]
    assert (counts["changed"], counts["changed_since_preview"]) == (3, 0)
    assert updated_events() == [1] * 3


def test_a_batch_has_a_fixed_number_of_statements(app: Flask, tmp_path: Path) -> None:
    def count(books: list[int], price: str) -> int:
        path = tmp_path / "prices.csv"
        path.write_bytes(table(books, price))
        with statements(app) as found:
            price_updates.run_file(SYSTEM, path, preview=False)
        return len(found)

    books = shelf(40)
    count(books[:2], "3.00")
    assert count(books[:2], "4.00") == count(books, "5.00") <= 35


@pytest.mark.parametrize("change", ["is_staff = false", "is_active = false", None])
def test_who_is_no_staff_any_more_changes_nothing(app: Flask, change: str | None) -> None:
    books, clerk = shelf(1), make_user(is_staff=True)
    job_id = price_updates.start(clerk, data=table(books), url=None, preview=False).id
    with unit_of_work() as session:
        done = f"UPDATE users SET {change}" if change else "DELETE FROM users"
        session.execute(text(f"{done} WHERE id = :id"), {"id": clerk.id})
    run_job(job_id)
    assert (row(job_id).error_code, prices()) == ("forbidden", [1999])


@pytest.mark.parametrize("database", ["sqlite"])
def test_old_ones_are_forgotten_with_their_rows(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(table(shelf(3)))
    for _ in range(2):
        kept = price_updates.run_file(SYSTEM, path, preview=True)["id"]
    with unit_of_work() as session:
        old = update(PriceUpdate).where(PriceUpdate.id != kept)
        long_ago = clock.now() - price_updates.LIFETIME - timedelta(seconds=1)
        session.execute(old.values(updated_at=long_ago))
    assert price_updates.forget_old() == 1
    assert set(db.session.scalars(select(PriceUpdateRow.update_id))) == {kept}
    assert price_updates.forget_old() == 0


def test_what_nobody_reads_has_failed_in_the_end(app: Flask) -> None:
    waiting, killed, ended, fresh = (
        price_updates.start(SYSTEM, data=table(shelf(1)), url=None, preview=True) for _ in range(4)
    )
    about = {job.parameters["price_update_id"]: job for job in (waiting, killed, ended, fresh)}
    with unit_of_work() as session:
        left = session.scalars(select(PriceUpdate).order_by(PriceUpdate.id)).all()
        left[1].job_id = left[3].job_id = None  # commands'
        for one in left[:3]:
            one.updated_at = clock.now() - timedelta(days=1, seconds=1)
        # As an older release has ended it.
        job = session.get_one(Job, ended.id)
        job.status, job.next_attempt_at, job.finished_at = "cancelled", None, clock.now()
    assert [job_ends.heal(), job_ends.heal()] == [2, 0]
    db.session.expire_all()
    found = [price_updates.get(SYSTEM, update_id) for update_id in about]
    assert [one["status"] for one in found] == ["reading", "failed", "failed", "reading"]
    assert {one["failure"] for one in found} == {None, job_ends.LEFT}


def test_who_lost_its_job_says_nothing_of_the_file(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was so slow that another reads the file by now, and finds it in order."""
    job = price_updates.start(SYSTEM, data=table(shelf(2)), url=None, preview=True).id

    def gone(_key: str, _most: int) -> None:
        with unit_of_work() as session:
            session.execute(update(Job).values(lease_owner="another"))
        raise errors.FileUnavailable("is not there any more")

    monkeypatch.setattr(incoming_files, "local_copy", gone)
    run_job(job)
    new_snapshot()
    found = db.session.scalars(select(PriceUpdate)).one()
    assert (found.status, found.failure) == ("reading", None)
    assert found.key is not None
    assert row(job).status == "running"


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_job_that_ends_while_one_looks_interrupts_nothing(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = price_updates.start(SYSTEM, data=table(shelf(2)), url=None, preview=False)
    update_id = job.parameters["price_update_id"]
    with unit_of_work() as session:
        session.execute(update(PriceUpdate).values(status="applying"))
    counts, context = price_applying.counts, context_maker()

    def end() -> None:
        with context(), unit_of_work() as session:
            session.execute(update(PriceUpdate).values(status="applied"))
            over = {"status": "succeeded", "next_attempt_at": None, "finished_at": clock.now()}
            session.execute(update(Job).values(over))

    def look(of: int) -> dict[str, int]:
        other = Thread(target=end)
        other.start()
        other.join(20)
        return counts(of)

    monkeypatch.setattr(price_applying, "counts", look)
    assert not price_updates.get(SYSTEM, update_id)["is_interrupted"]
    assert price_updates.get(SYSTEM, update_id)["status"] == "applied"


@pytest.mark.parametrize("database", ["sqlite"])
def test_from_the_command_line(app: Flask, tmp_path: Path) -> None:
    books = shelf(2)
    path = tmp_path / "prices.csv"
    path.write_bytes(table([*books, 999]))

    def run(*arguments: str) -> Result:
        return app.test_cli_runner().invoke(catalog_cli, ["prices", *arguments])

    shown = run(str(path), "--preview")
    assert (shown.exit_code, prices()) == (1, [1999] * 2)
    assert "row 4: id: there is no such book" in shown.output
    assert "price update 1: previewed: 3 rows, 1 refused, 2 waiting" in shown.output
    assert "applied" in run("--apply", "1").output
    assert prices() == [500] * 2
    done = run("--undo", "1")
    assert (done.exit_code, prices()) == (0, [1999] * 2)
    assert "price update 1: undone: 3 rows, 1 refused, 2 undone" in done.output
    assert "so this cannot be done" in run("--undo", "1").output
    assert "give one of FILE, --apply and --undo" in run().output
    path.write_text("price\n1\n")
    assert f"{path} needs one of the columns" in run(str(path)).output
    assert db.session.scalar(select(func.count()).select_from(PriceUpdate)) == 1


def test_by_the_names_of_the_jobs(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program that knows the queue alone may enqueue."""
    (book,) = shelf(1)
    with pytest.raises(errors.UrlNotAllowed):
        bulk_update_prices("http://127.0.0.1/prices.csv")
    near = replace(app.config["SETTINGS"], webhook_allow_private_networks=True)
    monkeypatch.setitem(app.config, "SETTINGS", near)
    with Receiver() as shop:
        shop.mode = modes.status(200, table([book], "7.50"))
        run_job(bulk_update_prices(f"{shop.url}/prices.csv"))
    assert prices() == [750]
    report = generate_book_report(book)
    assert (report["book"]["id"], report["sales"]["months"]) == (book, [])
    with pytest.raises(errors.NotFound):
        generate_book_report(book + 1)
