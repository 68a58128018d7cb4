"""The pooler of deploy/compose.yaml does what the shop asks of one."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml

from bookstore import create_app
from bookstore.engine import LIMITS
from bookstore.extensions import db
from tests.conftest import Apps
from tests.poolers.server import Pooler, find_pgbouncer
from tests.servers import PostgresServer

COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "deploy/compose.yaml").read_text())
CONFIGS = COMPOSE["configs"]
PASSWORD = "none-that-anybody-uses"  # pragma: allowlist secret
VARIABLE = "${POSTGRES_PASSWORD:?set it}"


class ComposedPooler(Pooler):
    """With the configuration of the compose file, but for where things are."""

    def _configuration(self) -> str:
        users = self.folder / "userlist.txt"
        users.write_text(CONFIGS["pooler_users"]["content"].replace(VARIABLE, PASSWORD))
        users.chmod(0o644)
        text = CONFIGS["pooler"]["content"]
        for old, new in (
            ("host=postgres port=5432", f"host={self.server.sockets} port=5432"),
            ("listen_addr = *", "listen_addr ="),
            ("listen_port = 5432", "listen_port = 6432"),
            ("unix_socket_dir =", f"unix_socket_dir = {self.sockets}"),
            ("/etc/pgbouncer/userlist.txt", str(users)),
        ):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return str(text)

    def url(self, database: str) -> str:
        del database  # it knows one
        where = f"host={self.sockets}&port=6432"
        return f"postgresql+psycopg://bookstore:{PASSWORD}@/bookstore?{where}"


@pytest.fixture
def composed(direct: PostgresServer, tmp_path: Path) -> Iterator[ComposedPooler]:
    program = find_pgbouncer()
    if program is None:
        pytest.skip("no PgBouncer, and no way to get Debian's")
    with psycopg.connect(direct.base.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE bookstore LOGIN PASSWORD '{PASSWORD}'")
        connection.execute("CREATE DATABASE bookstore OWNER bookstore")
        connection.execute(CONFIGS["limits"]["content"])
        try:
            with ComposedPooler(program, tmp_path, direct) as running:
                yield running
        finally:
            connection.execute("DROP DATABASE bookstore WITH (FORCE)")
            connection.execute("DROP ROLE bookstore")


def test_the_shop_works_by_it(apps: Apps, composed: ComposedPooler) -> None:
    app = create_app(apps.settings("postgresql", database_url=composed.url("bookstore")))
    with app.app_context(), db.engine.connect() as connection:
        query = "SELECT lower(name), setting FROM pg_settings"
        found = dict(connection.exec_driver_sql(query).all())
        assert {name: found[name] for name in LIMITS} == LIMITS
        assert connection.exec_driver_sql("SELECT current_user").scalar() == "bookstore"
    with app.app_context():
        db.engine.dispose()


def test_nobody_gets_in_without_the_password(composed: ComposedPooler) -> None:
    wrong = re.sub(PASSWORD, "guessed", composed.url("bookstore"))
    with pytest.raises(psycopg.OperationalError, match="failed"):
        psycopg.connect(wrong.replace("+psycopg", ""))
