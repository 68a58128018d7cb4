"""What Alembic must not compare, and how migrations change tables that are in use.

Shared by ``migrations/`` and its tests; docs/operations.md says which change costs what.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from bookstore.models.types import UTCDateTime

# What full-text search needs and no model describes; made by hand in the migrations.
HAND_MADE_PREFIXES = ("book_search_fts", "search_terms_fts", "ix_hand_")
HAND_MADE_COLUMNS = {("book_search", "vector")}

# How long a change of a table may wait for those who use it: behind it, everybody else waits.
LOCK_TIMEOUT = "2s"


def include_object(obj: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Leave out what was made by hand."""
    if kind == "column" and (obj.table.name, name) in HAND_MADE_COLUMNS:
        return False
    return not (kind in {"table", "index"} and str(name).startswith(HAND_MADE_PREFIXES))


def compare_type(_context: Any, _column: Any, _inspected: Any, _type: Any, model_type: Any) -> Any:
    """Accept what SQLite stores for an instant: it has no such type of its own."""
    return False if isinstance(model_type, UTCDateTime) else None


def is_sqlite(op: Any) -> bool:
    """Whether the database is SQLite, which nobody else writes to during a migration."""
    return bool(op.get_context().dialect.name == "sqlite")


def create_index(op: Any, name: str, table: str, columns: Sequence[str], **options: Any) -> None:
    """Make an index on a table that is in use: on PostgreSQL others go on writing meanwhile.

    It commits what the migration did before, so it stands first or alone. One that was given up
    half-way leaves an index that nothing uses and every write keeps up: it is made anew.

    Args:
        op: Alembic's.
        name: the index.
        table: where.
        columns: what of.
        options: as of ``op.create_index``.
    """
    if is_sqlite(op):
        op.create_index(name, table, list(columns), if_not_exists=True, **options)
        return
    with _patiently(op):
        broken = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"
        if op.get_bind().scalar(text(broken), {"name": name}):
            op.execute(f"DROP INDEX CONCURRENTLY {name}")
        op.create_index(
            name,
            table,
            list(columns),
            if_not_exists=True,
            postgresql_concurrently=True,
            **options,
        )


def drop_index(op: Any, name: str, table: str) -> None:
    """Remove an index of a table that is in use."""
    if is_sqlite(op):
        op.drop_index(name, table, if_exists=True)
        return
    with _patiently(op):
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)


@contextmanager
def _patiently(op: Any) -> Iterator[None]:
    """Leave the transaction, and wait for others as long as it takes: for what is concurrent, that
    keeps nobody else from the table."""
    context = op.get_context()
    with context.autocommit_block():
        if context.opts.get("lent_session"):
            # The next statement may be another session's, and this one somebody else's.
            yield
            return
        op.execute("SET lock_timeout = 0")
        yield
        op.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
