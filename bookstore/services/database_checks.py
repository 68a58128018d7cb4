"""Whether PostgreSQL is set up as the shop needs it: the limits of its sessions, their number."""

from collections.abc import Iterator

import redis
from sqlalchemy import column, func, select, table

from bookstore import engine
from bookstore.extensions import db, settings
from bookstore.gateways import beats
from bookstore.unit_of_work import new_snapshot

_SETTINGS = table("pg_settings", column("name"), column("reset_val"))
_NAME = func.lower(_SETTINGS.c.name)
# Some are kept for superusers, and since PostgreSQL 16 for those who have a right to them.
_RESERVED = ("superuser_reserved_connections", "reserved_connections")


def examine() -> Iterator[str]:
    """Yield in words what is not as it should be; on SQLite nothing is."""
    if db.engine.dialect.name != "postgresql":
        return
    new_snapshot()
    yield from _limits()
    yield from _connections()
    new_snapshot()


def _limits() -> Iterator[str]:
    """Look at what a pooler keeps the shop from setting by itself."""
    found = _settings(*engine.LIMITS)
    for name, wanted in engine.LIMITS.items():
        if found.get(name) != wanted:
            yield (
                f"database: {name} is {found.get(name)}, not {wanted}: "
                f"ALTER ROLE … SET {name} = '{wanted}'"
            )


def _connections() -> Iterator[str]:
    if settings().database_pooler is not None:
        return  # how many there are is the pooler's to say
    found = _settings("max_connections", *_RESERVED)
    room = int(found["max_connections"]) - sum(int(found.get(name, 0)) for name in _RESERVED)
    try:
        workers = sum(beats.counts().values())
    except redis.RedisError:
        workers = 0
    wanted = engine.connections(settings(), workers)
    if wanted > room:
        yield (
            f"database: the shop's processes may open {wanted} connections, and the server takes "
            f"{room}: raise max_connections, lower WEB_THREADS, or put a pooler between"
        )


def _settings(*names: str) -> dict[str, str]:
    # As sessions begin with them: a shell's transactions are given longer.
    query = select(_NAME.label("name"), _SETTINGS.c.reset_val).where(_NAME.in_(names))
    return {row.name: row.reset_val for row in db.session.execute(query)}
