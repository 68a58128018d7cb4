"""Writing very many rows: COPY on PostgreSQL, batches of one statement on SQLite."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from bookstore.models.types import Json
from bookstore.services.search_index import is_sqlite

Row = Sequence[Any]


def write(
    session: Session, table: Any, columns: Sequence[str], rows: Iterable[Row], size: int
) -> Iterable[int]:
    """Write rows, ``size`` at once, and yield how many each time.

    Args:
        session: of the present unit of work.
        table: where to.
        columns: what the values of a row are, by name.
        rows: they are read as they are written, never all held.
        size: rows of a batch.
    """
    rows = iter(rows)
    put = _insert if is_sqlite(session) else _copy
    while batch := list(islice(rows, size)):
        put(session, table, columns, batch)
        yield len(batch)


def last_id(session: Session, table: Any) -> int:
    """Return the highest id in use, 0 without any."""
    return session.scalar(select(func.max(table.c.id))) or 0


def number_from(session: Session, table: Any) -> None:
    """Make the database number new rows behind those that were written with their ids."""
    if not is_sqlite(session):
        sequence = func.pg_get_serial_sequence(table.name, "id")
        session.execute(select(func.setval(sequence, max(1, last_id(session, table)))))


def _copy(session: Session, table: Any, columns: Sequence[str], batch: Sequence[Row]) -> None:
    connection: Any = session.connection().connection.driver_connection
    names = ", ".join(columns)
    documents = [place for place, name in enumerate(columns) if table.c[name].type is Json]
    if documents:
        batch = [
            [orjson.dumps(v).decode() if at in documents else v for at, v in enumerate(row)]
            for row in batch
        ]
    with (
        connection.cursor() as cursor,
        # Names of our own tables, never anybody's input.
        cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy,
    ):
        for row in batch:
            copy.write_row(row)


def _insert(session: Session, table: Any, columns: Sequence[str], batch: Sequence[Row]) -> None:
    session.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in batch])
