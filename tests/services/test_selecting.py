"""Selects that are kept are run past SQLAlchemy, and answer just as they do by it."""

import logging
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    String,
    bindparam,
    create_engine,
    event,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.exc import OperationalError, ProgrammingError

from bookstore.extensions import db, settings
from bookstore.models import Book
from bookstore.prepared import Prepared
from bookstore.selecting import Reader, _kept, fetch, run
from bookstore.unit_of_work import reading, unit_of_work
from tests.factories import make_book

TITLES = (
    select(Book.id, Book.title.label("name"), Book.created_at, literal("said").label("word"))
    .where(Book.id >= bindparam("least", type_=BigInteger()))
    .order_by(Book.id)
    .limit(bindparam("many", type_=Integer()))
)
ANY_OF = select(Book.id).where(Book.id.in_(bindparam("ids", expanding=True)))

on_postgresql = pytest.mark.parametrize("database", ["postgresql"])


@pytest.fixture
def books(app: Flask) -> list[int]:
    found = [make_book(title=f"Book {number}").id for number in range(3)]
    db.session.remove()
    return found


def backend() -> Any:
    """Return the driver's connection that is asked next."""
    connection = db.engine.raw_connection()
    driver = connection.driver_connection
    connection.close()
    return driver


def test_rows_are_those_of_sqlalchemy(books: list[int]) -> None:
    values = {"least": books[1], "many": 5}
    ours = fetch(db.session(), TITLES, values)
    theirs = reading(db.session()).execute(TITLES, values).all()
    assert ours == theirs
    assert [(row.id, row.name, row.word) for row in ours] == [
        (row.id, row.name, row.word) for row in theirs
    ]
    assert ours[0].name == "Book 1"
    assert ours[0].created_at.tzinfo is not None


def test_a_reader_stands_for_a_connection(books: list[int]) -> None:
    reader = Reader(db.session())
    assert len(reader.execute(TITLES, {"least": 1, "many": 2}).all()) == 2
    assert reader.execute(select(func.count(Book.id))).scalar_one() == 3
    assert reader.get_bind() is db.engine


def test_what_a_unit_of_work_has_written_is_seen(books: list[int]) -> None:
    with unit_of_work() as session:
        session.execute(text("UPDATE books SET title = 'New'"))
        (first, *_) = fetch(session, TITLES, {"least": 1, "many": 1})
        assert first.name == "New"


def test_what_is_prepared_is_read_with_and_without_a_transaction(books: list[int]) -> None:
    prepared, values = Prepared(TITLES), {"least": books[1], "many": 5}
    alone = run(db.session(), prepared, values).all()
    with unit_of_work() as session:
        assert run(session, prepared, values).all() == alone
        session.execute(text("UPDATE books SET title = 'New'"))
        assert run(session, prepared, values).first().name == "New"
    assert alone[0].name == "Book 1"


def test_texts_that_hang_on_their_values_are_left_to_sqlalchemy(books: list[int]) -> None:
    assert _kept(ANY_OF, db.engine.dialect) is None
    assert len(fetch(db.session(), ANY_OF, {"ids": books[:2]})) == 2


@on_postgresql
def test_no_transaction_is_opened_and_the_connection_goes_back(books: list[int]) -> None:
    fetch(db.session(), TITLES, {"least": 1, "many": 1})
    assert not db.session().in_transaction()
    driver = backend()
    assert not driver.autocommit
    assert driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


@on_postgresql
def test_a_connection_that_broke_is_replaced(books: list[int]) -> None:
    db.engine.dispose()  # so that there is but one connection
    with psycopg.connect(backend().info.dsn, password=backend().info.password) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert len(fetch(db.session(), TITLES, {"least": 1, "many": 5})) == 3


@on_postgresql
def test_errors_are_those_of_sqlalchemy(books: list[int]) -> None:
    asleep = select(func.pg_sleep(bindparam("seconds", type_=Integer())))
    db.engine.dispose()  # so that there is but one connection
    with db.engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 100"))
        connection.commit()
    with pytest.raises(OperationalError) as timeout:
        fetch(db.session(), asleep, {"seconds": 5})
    assert isinstance(timeout.value.orig, psycopg.errors.QueryCanceled)
    assert "5" not in str(timeout.value.params)
    with pytest.raises(ProgrammingError):
        fetch(db.session(), select(func.no_such_function(bindparam("a", type_=String()))), {"a": 1})
    # The connection is as good as before.
    assert len(fetch(db.session(), TITLES, {"least": 1, "many": 5})) == 3


@on_postgresql
def test_whoever_listens_to_statements_hears_it(books: list[int]) -> None:
    heard: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        fetch(db.session(), TITLES, {"least": 1, "many": 1})
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert any("FROM books" in statement for statement in heard)


@on_postgresql
def test_a_slow_one_is_logged(
    books: list[int], app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    moment = select(func.now().cast(DateTime).label("now"))
    quick = settings()
    app.config["SETTINGS"] = replace(quick, slow_query_ms=0)
    with caplog.at_level(logging.WARNING, "bookstore.sql"):
        try:
            fetch(db.session(), moment)
        finally:
            app.config["SETTINGS"] = quick
    assert "slow query" in caplog.text


@on_postgresql
def test_a_server_that_is_away_is_an_error_of_sqlalchemy_too(app: Flask) -> None:
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    made = _kept(TITLES, away.dialect)
    assert made is not None
    with pytest.raises(OperationalError):
        made.run(away, {"least": 1, "many": 1})
