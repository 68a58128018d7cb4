"""/healthz, /readyz, and what a problem's type points to."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from bookstore import create_app
from bookstore.config import Settings
from bookstore.extensions import db, redis_handle
from bookstore.gateways import beats
from tests.clients import Client, ok, problem
from tests.conftest import SECRET, Apps


@contextmanager
def another(settings: Settings) -> Iterator[Client]:
    """Give a client of a second app, and let go of its connections afterwards."""
    app = create_app(settings)
    yield Client(app)
    with app.app_context():
        db.engine.dispose()


@contextmanager
def at_migration(shop: Flask, number: str) -> Iterator[None]:
    """Have the database say that it is at a migration."""
    with shop.app_context(), db.engine.begin() as connection:
        head = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        connection.execute(text("UPDATE alembic_version SET version_num = :n"), {"n": number})
    yield
    with shop.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :n"), {"n": head})


def test_ready(shop: Flask, client: Client) -> None:
    fine = {"database": "ok", "migrations": "ok", "redis": "ok"}
    # Orders are taken, what is to leave the shop waits.
    assert ok(client.get("/readyz")) == {
        "status": "degraded",
        "checks": {**fine, "worker": "none for outgoing, jobs, long", "scheduler": "none"},
    }
    with shop.app_context():
        for name in ("outgoing", "jobs", "long", beats.SCHEDULER):
            beats.beat(redis_handle.client, name, "somebody")
    assert ok(client.get("/readyz")) == {
        "status": "ok",
        "checks": {**fine, "worker": "ok", "scheduler": "ok"},
    }
    assert ok(client.get("/healthz")) == {"status": "ok"}


def test_not_migrated_is_not_ready(shop: Flask, client: Client) -> None:
    with at_migration(shop, "0001"):
        body = ok(client.get("/readyz"), 503)
    assert body["checks"]["migrations"].startswith("at ['0001'], needs ")


def test_the_old_release_serves_on_when_the_new_one_has_migrated(
    shop: Flask, client: Client
) -> None:
    with at_migration(shop, "9999"):
        body = ok(client.get("/readyz"))
    assert body["status"] == "degraded"
    assert body["checks"]["migrations"].startswith("ahead at ['9999'], knows ")


@pytest.mark.parametrize("database", ["sqlite"])
def test_without_redis_it_goes_on(apps: Apps, database: str, tmp_path: Path) -> None:
    base = apps.settings(database)
    apps.empty(database)
    away = f"unix://{tmp_path / 'nobody.sock'}"
    settings = Settings(
        bookstore_env="testing",
        bookstore_home=base.bookstore_home,
        database_url=base.database_url,
        secret_key=SECRET,
        redis_url=away,
    )
    with another(settings) as client:
        body = ok(client.get("/readyz"))
        assert (body["status"], body["checks"]["redis"]) == ("degraded", "unreachable")
        assert ok(client.get("/books"))["data"] == []


def test_without_a_database_it_says_so(tmp_path: Path, redis_server: object) -> None:
    settings = Settings(
        bookstore_env="testing",
        bookstore_home=tmp_path,
        database_url="postgresql://nobody@127.0.0.1:1/none",
        secret_key=SECRET,
    )
    with another(settings) as client:
        body = ok(client.get("/readyz"), 503)
        answer = client.get("/books")
    assert body["checks"]["database"] == "unreachable"
    problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"] == "1"


def test_a_problem_type_leads_to_its_explanation(client: Client) -> None:
    body = problem(client.get("/books/1"), 404, "not_found")
    assert ok(client.get(body["type"]))["code"] == "not_found"
    assert ok(client.get("/problems/cart_empty"))["status"] == 409
    problem(client.get("/problems/nothing"), 404, "not_found")


def test_a_fault_is_a_problem_and_a_log_line(
    shop: Flask, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with shop.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE books RENAME TO books_away"))
    # In production a fault is answered; the test mode of Flask would raise it here.
    shop.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    try:
        with caplog.at_level(logging.ERROR):
            answer = client.get("/books/1", X_Request_ID="trace-me")
    finally:
        shop.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=None)
        with shop.app_context(), db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE books_away RENAME TO books"))
    assert answer.status_code in {500, 503}
    assert answer.content_type == "application/problem+json"
    assert "books" not in answer.get_data(as_text=True).replace("/api/v2/books/1", "")
    assert answer.headers["X-Request-ID"] == "trace-me"
    assert any(record.levelname == "ERROR" for record in caplog.records)


@pytest.mark.parametrize("given", ["with space", "x" * 200, "né"])
def test_a_bad_request_id_is_replaced(client: Client, given: str) -> None:
    answer = client.get("/healthz", X_Request_ID=given.encode().decode("latin-1"))
    assert answer.headers["X-Request-ID"] != given
    assert answer.headers["X-Request-ID"].isalnum()


def test_a_logged_database_error_has_no_values(
    shop: Flask, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with shop.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE users RENAME TO users_away"))
    shop.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    account = {
        "username": "loggable",
        "email": "very-private@example.com",
        "password": "a very private password",
    }
    try:
        answer = client.post("/auth/register", account)
    finally:
        shop.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=None)
        with shop.app_context(), db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE users_away RENAME TO users"))
    assert answer.status_code in {500, 503}
    assert caplog.text
    assert "private" not in caplog.text
    assert "argon2" not in caplog.text
