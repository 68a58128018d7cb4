"""The one place that commits: all of it or nothing of it."""

import logging
import multiprocessing
from collections.abc import Iterable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from bookstore import create_app
from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.models import Book, Publisher
from bookstore.prepared import Prepared
from bookstore.unit_of_work import (
    adopt,
    after_commit,
    collect_after_commit,
    execute,
    unit_of_work,
    witnessed,
)
from tests.factories import make_book

COUNTS = 100


def names() -> list[str]:
    """Return what has been committed, as another connection sees it."""
    with db.engine.connect() as connection:
        return list(connection.scalars(select(Publisher.name).order_by(Publisher.name)))


def add(name: str) -> None:
    with unit_of_work() as session:
        session.add(Publisher(name=name))


def test_it_commits_at_the_end(app: Flask) -> None:
    with unit_of_work() as session:
        session.add(Publisher(name="Virago"))
        session.flush()
        assert names() == []
    assert names() == ["Virago"]


def test_an_error_undoes_everything(app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), unit_of_work() as session:
        session.add(Publisher(name="Virago"))
        session.flush()
        _ = 1 / 0
    assert names() == []
    add("Faber")
    assert names() == ["Faber"]


def test_a_hook_runs_once_and_items_come_together(app: Flask) -> None:
    ran: list[str] = []
    told: list[list[str]] = []

    def wake() -> None:
        ran.append("woken")

    with unit_of_work():
        for name in ("one", "two"):
            after_commit(wake)
            collect_after_commit(told.append, name)
        assert (ran, told) == ([], [])
    # Bound methods of one object are one hook.
    assert (ran, told) == (["woken"], [["one", "two"]])
    with pytest.raises(ZeroDivisionError), unit_of_work():
        collect_after_commit(told.append, "three")
        _ = 1 / 0
    with unit_of_work():
        collect_after_commit(told.append, "four")
    assert told == [["one", "two"], ["four"]]


def test_inside_another_it_joins(app: Flask) -> None:
    with unit_of_work() as outer:
        add("Faber")
        with unit_of_work() as inner:
            assert inner is outer
            inner.add(Publisher(name="Virago"))
        assert names() == []
    assert names() == ["Faber", "Virago"]


def test_an_inner_failure_undoes_the_outer(app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), unit_of_work():
        add("Faber")
        with unit_of_work():
            _ = 1 / 0
    assert names() == []


def test_an_inner_failure_cannot_be_swallowed(app: Flask) -> None:
    def fail_quietly() -> None:
        try:
            with unit_of_work() as session:
                session.add(Publisher(name="half of it"))
                _ = 1 / 0
        except ZeroDivisionError:
            pass

    def try_it() -> None:
        with unit_of_work():
            add("Faber")
            fail_quietly()

    with pytest.raises(RuntimeError, match="failed inside"):
        try_it()
    assert names() == []
    add("Virago")
    assert names() == ["Virago"]


def test_hooks_run_after_the_outermost_commit(app: Flask) -> None:
    seen: list[Any] = []
    with unit_of_work():
        with unit_of_work():
            add("Faber")
            after_commit(lambda: seen.append(names()))
            after_commit(lambda: seen.append("second"))
        assert seen == []
    assert seen == [["Faber"], "second"]
    add("Virago")
    assert len(seen) == 2


def test_hooks_are_forgotten_on_rollback(app: Flask) -> None:
    seen: list[int] = []
    with pytest.raises(ZeroDivisionError), unit_of_work():
        after_commit(lambda: seen.append(1))
        _ = 1 / 0
    add("Faber")
    assert seen == []


def test_a_hook_may_use_the_database(app: Flask) -> None:
    with unit_of_work():
        after_commit(lambda: add("from the hook"))
    assert names() == ["from the hook"]


def test_a_hook_that_fails_is_logged(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []
    with caplog.at_level(logging.ERROR), unit_of_work():
        add("Faber")
        after_commit(lambda: seen.append(1 // 0))
        after_commit(lambda: seen.append(2))
    assert names() == ["Faber"]
    assert seen == [2]
    assert "ZeroDivisionError" in caplog.text


def test_a_hook_needs_a_unit_of_work(app: Flask) -> None:
    with pytest.raises(RuntimeError, match="needs a unit of work"):
        after_commit(lambda: None)


def test_it_does_not_lose_what_was_done_by_hand(app: Flask) -> None:
    book = make_book()
    unsaved = (
        lambda: db.session.add(Publisher(name="by hand")),
        lambda: (db.session.add(Publisher(name="by hand")), db.session.flush()),
        lambda: setattr(db.session.get(Book, book.id), "title", "by hand"),
        lambda: db.session.execute(update(Book).values(title="by hand")),
    )
    for change in unsaved:
        # A read first: only an open transaction can be lost.
        db.session.scalar(select(Book.title))
        change()
        with pytest.raises(RuntimeError, match="unsaved changes"):
            add("Faber")
        db.session.rollback()
        add("Faber")
        with unit_of_work() as session:
            session.delete(session.scalars(select(Publisher)).one())
    assert names() == []


class Following:
    """A witness that keeps what it was told."""

    def __init__(self) -> None:
        self.rows: list[object] = []
        self.commits = 0

    def written(self, rows: Iterable[object]) -> None:
        self.rows += rows

    def before_commit(self, session: Session) -> None:
        self.commits += 1

    def after_commit(self) -> None:
        pass

    def after_rollback(self) -> None:
        self.rows.clear()


def row(name: str) -> dict[str, str]:
    return {"name": name, "name_sort": name.lower()}


def test_what_goes_past_the_objects_is_in_the_transaction(app: Flask) -> None:
    inserting = Prepared(insert(Publisher.__table__))
    with pytest.raises(ZeroDivisionError), unit_of_work() as session:
        execute(session, inserting, row("Virago"))
        _ = 1 / 0
    assert names() == []
    with unit_of_work() as session:
        execute(session, inserting, [row("Virago"), row("Faber")])
        assert names() == []
    assert names() == ["Faber", "Virago"]
    named = Prepared(select(Publisher.name).where(Publisher.name == bindparam("name")))
    assert execute(db.session(), named, {"name": "Faber"}).scalar_one() == "Faber"


def test_what_goes_past_the_objects_is_in_the_savepoint(app: Flask) -> None:
    inserting = Prepared(insert(Publisher.__table__))
    with unit_of_work() as session:
        execute(session, inserting, row("Virago"))
        with pytest.raises(ZeroDivisionError), session.begin_nested():
            execute(session, inserting, row("Faber"))
            _ = 1 / 0
        with session.begin_nested():
            execute(session, inserting, row("Hogarth"))
    assert names() == ["Hogarth", "Virago"]


def test_a_witness_learns_of_what_went_past_the_objects(app: Flask) -> None:
    inserting = Prepared(insert(Publisher.__table__).returning(Publisher.id))
    following = Following()
    with witnessed(following), unit_of_work() as session:
        key = execute(session, inserting, row("Virago")).scalar_one()
        made = adopt(session, Publisher, {"id": key, "name": "Virago"})
    assert (following.rows, following.commits) == ([made], 1)
    with witnessed(following), unit_of_work() as session:
        execute(session, Prepared(select(Publisher.id)))
    assert following.commits == 1
    with unit_of_work() as session:
        # The session's own from now on: what is changed is written, and nothing inserted again.
        assert session.get(Publisher, key) is made
        made.name = "Faber"
    assert names() == ["Faber"]


def test_it_starts_fresh(app: Flask) -> None:
    book = make_book("Emma")
    assert db.session.scalar(select(Book.title).where(Book.id == book.id)) == "Emma"
    with db.engine.begin() as elsewhere:
        elsewhere.execute(update(Book).values(title="Kim"))
    with unit_of_work() as session:
        assert session.scalar(select(Book.title).where(Book.id == book.id)) == "Kim"
        session.refresh(book)
        assert book.title == "Kim"


def count_up(settings: Settings, book_id: int) -> None:
    """Read, then write what was read plus one: the lock has to be there from the start."""
    app = create_app(settings)
    for _ in range(COUNTS):
        with app.app_context(), unit_of_work() as session:
            row = session.get_one(Book, book_id, with_for_update=True)
            row.popularity += 1
    with app.app_context():
        db.engine.dispose()


@pytest.mark.faults
def test_processes_that_read_and_then_write(app: Flask) -> None:
    book = make_book()
    started = multiprocessing.get_context("spawn")
    arguments = (app.config["SETTINGS"], book.id)
    processes = [started.Process(target=count_up, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    count_up(*arguments)
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    db.session.refresh(book)
    assert book.popularity == 3 * COUNTS
