"""How Alembic reaches the app's database and models (run by ``flask db …``)."""

from typing import Any

from alembic import context
from flask import current_app

from bookstore.models.types import UTCDateTime

db = current_app.extensions["migrate"].db

# What full-text search needs and no model describes; made by hand in the migrations.
HAND_MADE_PREFIXES = ("book_search_fts", "search_terms_fts", "ix_hand_")
HAND_MADE_COLUMNS = {("book_search", "vector")}


def include_object(obj: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    if kind == "column" and (obj.table.name, name) in HAND_MADE_COLUMNS:
        return False
    return not (kind in {"table", "index"} and str(name).startswith(HAND_MADE_PREFIXES))


def render_item(kind: str, obj: Any, _autogen: Any) -> str | bool:
    if kind == "type" and isinstance(obj, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def compare_type(_context: Any, _column: Any, _inspected: Any, _type: Any, model_type: Any) -> Any:
    # SQLite has no instants of its own: a DateTime there is what UTCDateTime stores.
    return False if isinstance(model_type, UTCDateTime) else None


def run() -> None:
    with db.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # SQLite rebuilds tables to alter them; with the keys on, that would cascade.
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.commit()
        else:
            # Two starts at once: one migrates, the other waits and finds nothing to do.
            connection.exec_driver_sql("SELECT pg_advisory_lock(7266637)")
            connection.commit()
        try:
            context.configure(
                connection=connection.execution_options(bookstore_write=True),
                target_metadata=db.metadata,
                include_object=include_object,
                render_item=render_item,
                compare_type=compare_type,
                render_as_batch=sqlite,
            )
            with context.begin_transaction():
                context.run_migrations()
        finally:
            if connection.in_transaction():
                connection.rollback()
            if sqlite:
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            else:
                connection.exec_driver_sql("SELECT pg_advisory_unlock(7266637)")
            connection.commit()


run()
