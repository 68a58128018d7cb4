"""Selects that are kept: compiled once, and run past what SQLAlchemy does for any statement.

To look a statement up among the compiled, to bring a session and a connection into a transaction
and out of it, and to describe a result that is always the same costs more than PostgreSQL's driver
needs for all of it. Types and names are SQLAlchemy's here too, the pool and its errors as well.
"""

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Dialect, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bookstore import engine, routing
from bookstore.extensions import db, settings
from bookstore.prepared import Form, Prepared, Rows
from bookstore.unit_of_work import execute, reading

# What a server says that goes away; the driver notices at its next question.
_GONE = (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown)


def fetch(session: Session, select: Any, values: Mapping[str, Any] | None = None) -> list[Any]:
    """Return all rows of a select of columns, as of ``reading(session).execute``.

    On PostgreSQL, where no transaction is open and the primary is read, by the driver itself. A
    connection that turns out to be broken is thrown away, and SQLAlchemy asked the same.

    Args:
        session: of whoever asks; its objects are not looked at.
        select: is kept, so it has to be one that is built once.
        values: for its bindparams.
    """
    found = _fetched(session, select, values)
    return list(reading(session).execute(select, values)) if found is None else found


def run(session: Session, statement: Prepared, values: Mapping[str, Any] | None = None) -> Rows:
    """Run a prepared select as ``fetch`` does, or else as ``unit_of_work.execute`` does.

    Args:
        session: of whoever asks.
        statement: a select of columns.
        values: for its bindparams.
    """
    found = _fetched(session, statement.statement, values)
    return execute(session, statement, values) if found is None else Rows(found)


def _fetched(session: Session, select: Any, values: Mapping[str, Any] | None) -> list[Any] | None:
    """Return what the driver found; None: SQLAlchemy has to be asked."""
    if not _is_alone(session):
        return None
    source = db.engine
    made = _kept(select, source.dialect)
    return None if made is None else made.run(source, values or {})


class Reader:
    """What ``fetch`` does, for those who are given a connection."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_bind(self) -> Engine:
        """Return whose dialect its statements are in."""
        return db.engine

    def execute(self, select: Any, values: Mapping[str, Any] | None = None) -> Rows:
        """Run a select that is kept."""
        return Rows(fetch(self._session, select, values))


def _is_alone(session: Session) -> bool:
    """Whether nothing hangs on which connection is asked, and nobody watches that."""
    source = db.engine
    return (
        source.dialect.name == "postgresql"
        and not session.in_transaction()
        and routing.reads_since(session) is None
        and not engine.is_watched(source)
    )


class _Kept:
    """A select as the driver takes it."""

    def __init__(self, select: Any, form: Form) -> None:
        self._form = form
        self._is_prepared = (
            None if not select.get_execution_options().get(engine.UNPREPARED) else False
        )

    def run(self, source: Engine, values: Mapping[str, Any]) -> list[Any] | None:
        """Return the rows; None: the connection is broken, and was thrown away."""
        form = self._form
        given = form.given(values)
        try:
            connection = source.raw_connection()
        except psycopg.Error as error:
            raise self._told(error, source.dialect) from error
        driver: Any = connection.driver_connection
        try:
            driver.autocommit = True
            started = time.perf_counter()
            rows = form.rows(driver.execute(form.text, given, prepare=self._is_prepared))
            engine.note(started, form.text, settings().slow_query_ms)
        except psycopg.Error as error:
            if driver.closed or isinstance(error, _GONE):
                connection.invalidate(error)
                return None
            raise self._told(error, source.dialect) from error
        finally:
            _give_back(connection, driver)
        return rows

    def _told(self, error: psycopg.Error, dialect: Dialect) -> BaseException:
        """Return an error of the driver as SQLAlchemy has it."""
        return DBAPIError.instance(
            self._form.text, None, error, psycopg.Error, hide_parameters=True, dialect=dialect
        )


def _give_back(connection: Any, driver: Any) -> None:
    """Give a connection back as it came; one that cannot be brought to that is thrown away."""
    try:
        driver.autocommit = False
    except BaseException as error:
        if connection.is_valid:
            connection.invalidate(error)
        if not isinstance(error, psycopg.Error):
            raise
    finally:
        connection.close()


@lru_cache(maxsize=1000)
def _kept(select: Any, dialect: Dialect) -> _Kept | None:
    """Return a select as the driver takes it; None: its text depends on the values."""
    compiled = select.compile(dialect=dialect)
    if compiled.post_compile_params or compiled.literal_execute_params:
        return None
    return _Kept(select, Form(compiled, dialect))
