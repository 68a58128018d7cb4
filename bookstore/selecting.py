"""Selects that are kept: compiled once, and run past what SQLAlchemy does for any statement.

To look a statement up among the compiled, to bring a session and a connection into a transaction
and out of it, and to describe a result that is always the same costs more than PostgreSQL's driver
needs for all of it. Types and names are SQLAlchemy's here too, the pool and its errors as well.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Dialect, Engine
from sqlalchemy.engine import result_tuple
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bookstore import engine, routing
from bookstore.extensions import db, settings
from bookstore.unit_of_work import reading

# What a server says that goes away; the driver notices at its next question.
_GONE = (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown)


def fetch(session: Session, select: Any, values: Mapping[str, Any] | None = None) -> Sequence[Any]:
    """Return all rows of a select of columns, as of ``reading(session).execute``.

    On PostgreSQL, where no transaction is open and the primary is read, by the driver itself. A
    connection that turns out to be broken is left to SQLAlchemy, which is asked the same.

    Args:
        session: of whoever asks; its objects are not looked at.
        select: is kept, so it has to be one that is built once.
        values: for its bindparams.
    """
    if not _is_alone(session):
        return reading(session).execute(select, values).all()
    source = db.engine
    made = _compiled(select, source.dialect)
    if made is None:
        return reading(session).execute(select, values).all()
    found = made.run(source, values or {})
    return reading(session).execute(select, values).all() if found is None else found


class Reader:
    """What ``fetch`` does, for those who are given a connection."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_bind(self) -> Engine:
        """Return whose dialect its statements are in."""
        return db.engine

    def execute(self, select: Any, values: Mapping[str, Any] | None = None) -> "Rows":
        """Run a select that is kept."""
        return Rows(fetch(self._session, select, values))


class Rows:
    """A result that was read to its end."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def all(self) -> Sequence[Any]:
        """Return the rows."""
        return self._rows

    def scalar_one(self) -> Any:
        """Return the only column of the only row."""
        ((found,),) = self._rows
        return found


def _is_alone(session: Session) -> bool:
    """Whether nothing hangs on which connection is asked, and nobody watches that."""
    source = db.engine
    return (
        source.dialect.name == "postgresql"
        and not session.in_transaction()
        and routing.reads_since(session) is None
        and not engine.is_watched(source)
    )


class _Compiled:
    """A select as the driver takes it."""

    def __init__(self, select: Any, compiled: Any, dialect: Dialect) -> None:
        self._text = compiled.string
        self._is_prepared = (
            None if not select.get_execution_options().get(engine.UNPREPARED) else False
        )
        binds = compiled.binds.items()
        self._constant = {name: one.effective_value for name, one in binds if not one.required}
        # What values are made into, by name.
        self._made = {
            name: made
            for name, one in binds
            if (made := one.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        }
        self._columns = select.selected_columns
        self._row: Callable[[Any], Any] = result_tuple(self._columns.keys())
        # Known from the first result on.
        self._read: list[tuple[int, Callable[[Any], Any]]] | None = None

    def run(self, source: Engine, values: Mapping[str, Any]) -> list[Any] | None:
        """Return the rows; None: the connection is broken, and was thrown away."""
        given = {**self._constant, **values}
        for name, made in self._made.items():
            given[name] = made(given[name])
        try:
            connection = source.raw_connection()
        except psycopg.Error as error:
            raise self._told(error, source.dialect) from error
        driver: Any = connection.driver_connection
        try:
            driver.autocommit = True
            started = time.perf_counter()
            cursor = driver.execute(self._text, given, prepare=self._is_prepared)
            rows = cursor.fetchall()
            engine.note(started, self._text, settings().slow_query_ms)
            if self._read is None:
                self._read = self._readers(cursor.description, source.dialect)
        except psycopg.Error as error:
            if driver.closed or isinstance(error, _GONE):
                connection.invalidate(error)
                return None
            raise self._told(error, source.dialect) from error
        finally:
            with contextlib.suppress(psycopg.Error):
                driver.autocommit = False
            connection.close()
        if self._read:
            rows = [self._values(row) for row in rows]
        return list(map(self._row, rows))

    def _told(self, error: psycopg.Error, dialect: Dialect) -> BaseException:
        """Return an error of the driver as SQLAlchemy has it."""
        return DBAPIError.instance(
            self._text, None, error, psycopg.Error, hide_parameters=True, dialect=dialect
        )

    def _values(self, row: Sequence[Any]) -> list[Any]:
        found = list(row)
        for at, read in self._read or ():
            found[at] = read(found[at])
        return found

    def _readers(
        self, description: Any, dialect: Dialect
    ) -> list[tuple[int, Callable[[Any], Any]]]:
        types = [column.type.dialect_impl(dialect) for column in self._columns]
        found = (
            (at, one.result_processor(dialect, told.type_code))
            for at, (one, told) in enumerate(zip(types, description, strict=True))
        )
        return [(at, read) for at, read in found if read is not None]


@lru_cache(maxsize=1000)
def _compiled(select: Any, dialect: Dialect) -> _Compiled | None:
    """Return a select as the driver takes it; None: its text depends on the values."""
    compiled = select.compile(dialect=dialect)
    if compiled.post_compile_params or compiled.literal_execute_params:
        return None
    return _Compiled(select, compiled, dialect)
