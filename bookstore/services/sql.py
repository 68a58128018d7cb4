"""Small things every service that writes queries shares."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    String,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from bookstore.engine import UNPREPARED
from bookstore.extensions import db
from bookstore.prepared import Prepared

# Queries and rows whose columns only run time knows.
AnySelect: TypeAlias = Select[*tuple[Any, ...]]
AnyRow: TypeAlias = Row[*tuple[Any, ...]]
AnyColumn: TypeAlias = ColumnElement[Any] | InstrumentedAttribute[Any]


def upsert(session: Session, target: Any) -> Any:
    """Return an INSERT into ``target`` that has ``on_conflict_do_…`` on this database."""
    return _insert(session.get_bind().dialect.name)(target)


def upserting(build: Callable[[Callable[[Any], Any]], Any]) -> Callable[[Session], Prepared]:
    """Make of a function, which builds a statement with an INSERT as ``upsert`` returns it, one
    that returns that statement for the session's database, built once."""
    built = cache(lambda dialect: Prepared(build(_insert(dialect))))
    return lambda session: built(session.get_bind().dialect.name)


def _insert(dialect: str) -> Callable[[Any], Any]:
    return postgresql.insert if dialect == "postgresql" else sqlite.insert


def on_sqlite() -> bool:
    """Whether the shop's database is SQLite."""
    return db.engine.dialect.name == "sqlite"


def planned_anew(query: Any) -> Any:
    """Return a select of words in an index, which is planned for its words each time it is run.

    How common they are decides how they are looked for, by the index or among the most read. Once
    prepared, it might be planned for any words.
    """
    return query.execution_options(**{UNPREPARED: True})


def among(column: AnyColumn, name: str, *, sqlite: bool) -> ColumnElement[bool]:
    """Return the condition that ``column`` is one of the ids given as ``name`` (by ``ids``).

    It is the same text however many there are, so that it is compiled and prepared once.
    """
    if sqlite:
        each = func.json_each(bindparam(name, type_=String)).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(bindparam(name, type_=ARRAY(BigInteger)))


def ids(values: Sequence[int], *, sqlite: bool) -> Any:
    """Return ids as ``among`` takes them."""
    return orjson.dumps(list(values)).decode() if sqlite else list(values)
