"""What the shop sends to its database in one request, taken down at the driver."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Json, Jsonb
from sqlalchemy import Engine, event

# Transactions are for who replays it, and settings are not work.
_NOT_KEPT = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SHOW", "SET")


@dataclass(slots=True)
class Sent:
    """A statement as the driver was given it, and what came back.

    ``parameters`` is a mapping or a tuple; a list of those if ``many``. ``count`` is how many
    rows it wrote or found, as the driver says; -1 when it does not.
    """

    text: str
    parameters: Any
    many: bool
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    count: int = -1

    @property
    def writes(self) -> bool:
        """Whether it is meant to change rows."""
        return self.text.split(None, 1)[0].upper() in {"INSERT", "UPDATE", "DELETE", "WITH"}


_sent: list[Sent] | None = None


@contextlib.contextmanager
def recorded(engine: Engine) -> Iterator[list[Sent]]:
    """Yield the list that all statements on new connections of an engine are added to."""
    global _sent

    def connect(_dialect: Any, _record: Any, _args: Any, options: dict[str, Any]) -> None:
        if engine.dialect.name == "sqlite":
            options["factory"] = _SqliteConnection
        else:
            options["cursor_factory"] = _PostgresCursor

    event.listen(engine, "do_connect", connect)
    engine.dispose()
    _sent = []
    try:
        yield _sent
    finally:
        _sent = None
        event.remove(engine, "do_connect", connect)
        engine.dispose()


class _Recording:
    """A cursor that takes down what it is asked for and what it hands out."""

    _now: Sent | None = None

    def execute(self, text: str, parameters: Any = (), **options: Any) -> Any:
        self._note(text, parameters, many=False)
        done = super().execute(text, parameters, **options)  # type: ignore[misc]
        self._count()
        return done

    def executemany(self, text: str, parameters: Any, **options: Any) -> Any:
        self._note(text, list(parameters), many=True)
        done = super().executemany(text, parameters, **options)  # type: ignore[misc]
        self._count()
        return done

    def fetchone(self) -> Any:
        return self._came([super().fetchone()])[0]  # type: ignore[misc]

    def fetchmany(self, *args: Any) -> Any:
        return self._came(super().fetchmany(*args))  # type: ignore[misc]

    def fetchall(self) -> Any:
        return self._came(super().fetchall())  # type: ignore[misc]

    def _note(self, text: str, parameters: Any, *, many: bool) -> None:
        self._now = None
        if _sent is None or text.split(None, 1)[0].upper() in _NOT_KEPT:
            return
        plain = [_plain(each) for each in parameters] if many else _plain(parameters)
        self._now = Sent(text, plain, many)
        _sent.append(self._now)

    def _came(self, rows: Sequence[Any]) -> Sequence[Any]:
        if self._now is not None:
            self._now.rows += [tuple(row) for row in rows if row is not None]
            self._count()
        return rows

    def _count(self) -> None:
        if self._now is not None:
            # Of what it returns and nobody fetched, SQLite has not counted the rows yet.
            unread = self.description and not self._now.rows  # type: ignore[attr-defined]
            self._now.count = -1 if unread else self.rowcount  # type: ignore[attr-defined]


class _PostgresCursor(_Recording, psycopg.Cursor):  # type: ignore[type-arg]
    pass


class _SqliteCursor(_Recording, sqlite3.Cursor):
    pass


class _SqliteConnection(sqlite3.Connection):
    def cursor(self, factory: Any = _SqliteCursor) -> Any:
        return super().cursor(factory)


def _plain(value: Any) -> Any:
    """Return parameters that can be compared, and kept in a file."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(each) for each in value)
    if isinstance(value, Json | Jsonb):
        return Jsonb(value.obj)
    if isinstance(value, psycopg.Binary):
        return bytes(value.obj)
    return bytes(value) if isinstance(value, memoryview) else value
