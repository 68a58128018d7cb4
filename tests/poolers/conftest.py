"""One PostgreSQL with a PgBouncer a test session; ``shop`` is reached by it alone."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from psycopg import sql

from bookstore.config import Settings
from bookstore.engine import LIMITS
from bookstore.extensions import db
from tests.conftest import Apps
from tests.poolers.server import ROLE, Pooler, find_pgbouncer
from tests.servers import Postgres, PostgresServer


class PooledServer(Postgres):
    """Makes databases by itself, of a role that has the limits; they are used by the pooler."""

    def __init__(self, server: PostgresServer, pooler: Pooler) -> None:
        super().__init__(server.base)
        self.pooler = pooler

    def url(self, database: str) -> str:
        return self.pooler.url(database)

    def create_database(self, name: str, template: str | None = None) -> None:
        super().create_database(name, template)
        owner = "ALTER DATABASE {} OWNER TO {}"
        self._run(sql.SQL(owner).format(sql.Identifier(name), sql.Identifier(ROLE)))


class PooledApps(Apps):
    """Apps behind a pooler."""

    def __init__(self, home: Path, request: pytest.FixtureRequest, server: PooledServer) -> None:
        super().__init__(home, request)
        self.pooled = server

    def server(self) -> Postgres:
        return self.pooled

    def settings(self, database: str, **changes: object) -> Settings:
        return super().settings(database, **{"database_pooler": "transaction", **changes})


@pytest.fixture(scope="session")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer(tmp_path_factory.mktemp("pooled")) as server:
        with psycopg.connect(server.base.replace("+psycopg", ""), autocommit=True) as connection:
            # As docs/operations.md has it.
            connection.execute(f"CREATE ROLE {ROLE} LOGIN SUPERUSER")
            for name, value in LIMITS.items():
                connection.execute(f"ALTER ROLE {ROLE} SET {name} = '{value}'")
        yield server


@pytest.fixture(scope="session")
def pooler(tmp_path_factory: pytest.TempPathFactory, direct: PostgresServer) -> Iterator[Pooler]:
    program = find_pgbouncer()
    if program is None:
        pytest.skip("no PgBouncer, and no way to get Debian's")
    with Pooler(program, tmp_path_factory.mktemp("pgbouncer"), direct) as running:
        yield running


@pytest.fixture(scope="session")
def apps(
    home: Path, request: pytest.FixtureRequest, direct: PostgresServer, pooler: Pooler
) -> Iterator[Apps]:
    made = PooledApps(home, request, PooledServer(direct, pooler))
    yield made
    for app in made.made.values():
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(params=["postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def unchanged(shop: Flask, direct: PostgresServer) -> Iterator[None]:
    """Nothing of what a test did may stay with the sessions that it was done in."""
    yield
    assert leftovers(direct) == []


def leftovers(direct: PostgresServer) -> list[str]:
    """Return what sessions of the shop hold beyond a transaction: locks, channels."""
    held = (
        "SELECT l.locktype || ' ' || l.mode FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        f"WHERE a.usename = '{ROLE}' AND (l.locktype = 'advisory' OR a.state = 'idle')"
    )
    with psycopg.connect(direct.base.replace("+psycopg", ""), autocommit=True) as connection:
        return [row[0] for row in connection.execute(held).fetchall()]
