"""Whether the service can do its work."""

import logging
from pathlib import Path

import redis
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bookstore.extensions import db, migrate, redis_handle

log = logging.getLogger(__name__)


def check() -> dict[str, str]:
    """Return "ok" or what is wrong for each of database, migrations and redis."""
    found = {"database": "ok", "migrations": "ok", "redis": "ok"}
    try:
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            present = MigrationContext.configure(connection).get_current_heads()
        wanted = set(ScriptDirectory(migrations_folder()).get_heads())
        if set(present) != wanted:
            found["migrations"] = f"at {sorted(present)}, needs {sorted(wanted)}"
    except SQLAlchemyError as error:
        log.error("database check failed", exc_info=error)
        found["database"], found["migrations"] = "unreachable", "unknown"
    try:
        redis_handle.client.ping()
    except redis.RedisError as error:
        log.warning("redis check failed", extra={"why": str(error)})
        found["redis"] = "unreachable"
    return found


def migrations_folder() -> str:
    """Return the folder of the migrations."""
    return str(Path(str(migrate.directory)))
