"""Migrations of a shop that is open: nobody waits for them, whoever they have to wait for."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flask_migrate
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask
from sqlalchemy import event, text

from bookstore.extensions import db
from bookstore.models.migrating import create_index
from tests.clients import wait_until
from tests.services.races import in_thread

pytestmark = pytest.mark.parametrize("database", ["postgresql"])

# The last migration of before the rule.
BEFORE = "0016"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


@pytest.fixture
def head(app: Flask) -> Iterator[Flask]:
    """Leave the database as new as it was found."""
    yield app
    flask_migrate.upgrade()


def waiting(app: Flask, what: str) -> bool:
    found = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE :what"
    )
    with db.engine.connect() as connection:
        return connection.scalar(found, {"what": f"%{what}%"}) == 1


def test_tables_in_use_are_changed_without_a_lock_that_lasts(head: Flask) -> None:
    flask_migrate.downgrade(revision=BEFORE)
    said: list[str] = []

    def heard(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(" ".join(statement.split()))

    event.listen(db.engine, "before_cursor_execute", heard)
    try:
        flask_migrate.upgrade()
    finally:
        event.remove(db.engine, "before_cursor_execute", heard)
    new = {
        found[1]
        for one in said
        if (found := re.match(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", one))
    }
    for one in said:
        if found := re.match(r"CREATE (?:UNIQUE )?INDEX (.*?)\w+ ON (\w+)", one):
            assert "CONCURRENTLY" in found[1] or found[2] in new, one
        if (found := re.match(r"ALTER TABLE (\w+) ADD CONSTRAINT", one)) and found[1] not in new:
            assert one.endswith("NOT VALID"), one
        assert not re.match(r"ALTER TABLE \w+ ALTER COLUMN \w+ TYPE", one), one
    assert any("CONCURRENTLY" in one for one in said)


def test_an_index_is_made_while_others_read_and_write(
    head: Flask, pool: ThreadPoolExecutor
) -> None:
    flask_migrate.downgrade(revision=BEFORE)
    with db.engine.connect() as writer:
        writer.execute(text("UPDATE orders SET version = version WHERE id = 0"))
        migrating = in_thread(head, pool, flask_migrate.upgrade)
        wait_until(lambda: waiting(head, "CREATE INDEX CONCURRENTLY"))
        with db.engine.begin() as other:
            other.execute(text("SET LOCAL lock_timeout = '1s'"))
            assert other.scalar(text("SELECT count(*) FROM orders")) == 0
            other.execute(text("UPDATE orders SET version = version WHERE id = 1"))
        writer.rollback()
    migrating.result(60)


def test_who_holds_a_table_does_not_make_others_wait_behind_a_migration(
    head: Flask, pool: ThreadPoolExecutor
) -> None:
    with db.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM idempotency_keys"))
        migrating = in_thread(head, pool, lambda: flask_migrate.downgrade(revision="0015"))
        wait_until(lambda: waiting(head, "DROP INDEX") or waiting(head, "ALTER TABLE"))
        # It stands behind the migration, which gives way, long before a statement's own limit.
        with db.engine.connect() as other:
            assert other.scalar(text("SELECT count(*) FROM idempotency_keys")) == 0
        assert not migrating.done()
        reader.rollback()
    migrating.result(60)


def test_an_index_that_was_given_up_is_made_anew(head: Flask) -> None:
    name = "ix_orders_payment_status_id"
    with db.engine.begin() as connection:
        connection.execute(
            text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(:name)"),
            {"name": name},
        )
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with context.begin_transaction(_per_migration=True):
            create_index(Operations(context), name, "orders", ["payment_status", "id"])
        connection.invalidate()
    with db.engine.connect() as connection:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"
        assert connection.scalar(text(valid), {"name": name}) is True
