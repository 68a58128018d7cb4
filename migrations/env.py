"""How Alembic reaches the app's database and models (run by ``flask db …``)."""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, event

from bookstore.models.migrating import compare_type, include_object
from bookstore.models.types import UTCDateTime

LOCK = 7266637
db = current_app.extensions["migrate"].db


def render_item(kind: str, obj: Any, _autogen: Any) -> str | bool:
    if kind == "type" and isinstance(obj, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def take_in_transaction(connection: Connection) -> None:
    """Have the lock, and no limits, until the transaction ends."""
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")


def run() -> None:
    with db.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # SQLite rebuilds tables to alter them; with the keys on, that would cascade.
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.commit()
        elif current_app.config["SETTINGS"].database_pooler is not None:
            # The session is lent for a transaction at a time, and others have it next.
            event.listen(connection, "begin", take_in_transaction)
        else:
            # Two starts at once: one migrates, the other waits and finds nothing to do.
            # A request's limits do not fit: an index on a big table takes its time.
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("SET idle_in_transaction_session_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
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
                connection.commit()
            else:
                # Ends the session, and with it the lock and the settings above.
                connection.invalidate()


run()
