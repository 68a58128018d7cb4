"""``flask ready``: what containers wait by that need the migrations."""

import threading
from pathlib import Path

from click.testing import Result
from flask import Flask
from sqlalchemy import text

from bookstore import create_app
from bookstore.config import Settings
from bookstore.extensions import db
from tests.cli.test_commands import run
from tests.conftest import SECRET


def put_at(app: Flask, number: str) -> str:
    """Have the database say that it is at a migration; return which it was at."""
    with app.app_context(), db.engine.begin() as connection:
        before = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        connection.execute(text("UPDATE alembic_version SET version_num = :n"), {"n": number})
    return str(before)


def test_ready(shop: Flask) -> None:
    result = run(shop, "ready")
    assert (result.exit_code, result.output) == (0, "ready\n")


def test_it_waits_for_the_migrations(shop: Flask) -> None:
    head = put_at(shop, "0001")
    seen = threading.Event()
    found: list[Result] = []

    def wait() -> None:
        seen.set()
        found.append(run(shop, "ready", "--wait", "60"))

    waiting = threading.Thread(target=wait)
    try:
        refused = run(shop, "ready")
        waiting.start()
        seen.wait()
    finally:
        put_at(shop, head)
    waiting.join()
    assert refused.exit_code == 1
    assert "migrations: at ['0001'], needs " in refused.output
    assert found[0].exit_code == 0
    assert found[0].output.endswith("ready\n")


def test_without_a_database_it_says_so(tmp_path: Path, redis_server: object) -> None:
    app = create_app(
        Settings(
            bookstore_env="testing",
            bookstore_home=tmp_path,
            database_url="postgresql://nobody@127.0.0.1:1/none",
            secret_key=SECRET,
        )
    )
    result = run(app, "ready")
    assert result.exit_code == 1
    assert result.output == "database: unreachable, migrations: unknown\n"
    with app.app_context():
        db.engine.dispose()
