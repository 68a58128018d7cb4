"""How Alembic reaches the app's database and models (run by ``flask db …``)."""

import logging
import time
from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from bookstore.models.migrating import LOCK_TIMEOUT, compare_type, include_object
from bookstore.models.types import UTCDateTime

# A table in use may be locked by somebody for long: so often it is tried, so long is between.
ATTEMPTS, PAUSE = 30, 1.0
LOCK = 7266637
# A request's limits do not fit: an index on a big table takes its time. But who waits for a lock
# makes all others wait behind it, so that is given up soon.
LIMITS = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": LOCK_TIMEOUT,
}

log = logging.getLogger("bookstore.migrations")
db = current_app.extensions["migrate"].db
# Behind a pooler a session is lent for a transaction at a time, and others have it next.
lent = current_app.config["SETTINGS"].database_pooler is not None


def render_item(kind: str, obj: Any, _autogen: Any) -> str | bool:
    if kind == "type" and isinstance(obj, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def limit_transaction(connection: Connection) -> None:
    """Set the limits until the transaction ends; without one, there is nothing they end with."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        for name, value in LIMITS.items():
            connection.exec_driver_sql(f"SET LOCAL {name} = '{value}'")


def limit(connection: Connection) -> None:
    """Have a migration's limits for as long as the session is ours."""
    if lent:
        event.listen(connection, "begin", limit_transaction)
        return
    for name, value in LIMITS.items():
        connection.exec_driver_sql(f"SET {name} = '{value}'")
    connection.commit()


def wait_for_turn(turn: Connection) -> None:
    """Two starts at once: one migrates, the other waits here and finds nothing to do.

    Whose turn it is has the lock until this connection's transaction ends: a session may be lent,
    and a migration has more than one transaction. It asks again and again, since a statement that
    waits has a snapshot, and an index that is made concurrently waits for all who have one.
    """
    while not turn.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({LOCK})").scalar():
        turn.rollback()
        time.sleep(0.1)
    turn.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def migrate(connection: Connection) -> None:
    """Run the migrations, each in a transaction of its own; what is done stays done."""
    for attempt in range(1, ATTEMPTS + 1):
        context.configure(
            connection=connection.execution_options(bookstore_write=True),
            target_metadata=db.metadata,
            include_object=include_object,
            render_item=render_item,
            compare_type=compare_type,
            render_as_batch=connection.dialect.name == "sqlite",
            transaction_per_migration=True,
            lent_session=lent,
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
            return
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":
                raise
            connection.rollback()
            log.warning("a table is in use, trying again", extra={"attempt": attempt})
        time.sleep(PAUSE)
    raise SystemExit(
        "a table is in use by a long transaction (see pg_stat_activity): nothing of this migration"
        " was done; run it again later"
    )


def run_on_sqlite(connection: Connection) -> None:
    # SQLite rebuilds tables to alter them; with the keys on, that would cascade.
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.commit()
    try:
        migrate(connection)
    finally:
        if connection.in_transaction():
            connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.commit()


def run_on_postgresql(connection: Connection) -> None:
    with db.engine.connect() as turn:
        wait_for_turn(turn)
        limit(connection)
        try:
            migrate(connection)
        finally:
            # Ends the session, and with it the settings above.
            connection.invalidate()


def run() -> None:
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            run_on_sqlite(connection)
        else:
            run_on_postgresql(connection)


run()
