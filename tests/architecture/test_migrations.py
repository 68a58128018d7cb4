"""Migrations: one head, the same as the models, there and back on both databases."""

from dataclasses import replace

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import CheckConstraint, inspect, text

from bookstore.extensions import db
from bookstore.models.migrating import compare_type, include_object
from bookstore.services.health import migrations_folder


def differences() -> list[object]:
    options = {"compare_type": compare_type, "include_object": include_object}
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, db.metadata))


def test_there_is_one_head(app: Flask) -> None:
    assert len(ScriptDirectory(migrations_folder()).get_heads()) == 1


def test_the_head_is_what_the_models_say(app: Flask) -> None:
    assert differences() == []


def test_constraints_are_named_as_the_models_name_them(app: Flask) -> None:
    # What compares the two looks at none of these names; a later migration drops by them.
    found = inspect(db.engine)
    for table in db.metadata.sorted_tables:
        names = {str(one.name) for one in table.foreign_key_constraints}
        assert {str(one["name"]) for one in found.get_foreign_keys(table.name)} == names
        checks = {str(one["name"]) for one in found.get_check_constraints(table.name)}
        assert checks == {
            str(one.name) for one in table.constraints if isinstance(one, CheckConstraint)
        }
        assert found.get_pk_constraint(table.name)["name"] == table.primary_key.name


def test_down_and_up_again(app: Flask) -> None:
    flask_migrate.downgrade(revision="base")
    try:
        left = set(inspect(db.engine).get_table_names())
        assert left <= {"alembic_version", "sqlite_sequence"}
    finally:
        flask_migrate.upgrade()
    assert differences() == []


def test_delivery_can_be_paid_for_in_any_currency(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    dinars = replace(app.config["SETTINGS"], currency="kwd")
    with monkeypatch.context() as patch:
        patch.setitem(app.config, "SETTINGS", dinars)
        flask_migrate.downgrade(revision="0007")
        flask_migrate.upgrade()
        methods = text("SELECT code, price, price_per_kg, free_over FROM shipping_methods")
        with db.engine.connect() as connection:
            found = {row.code: tuple(row)[1:] for row in connection.execute(methods)}
    flask_migrate.downgrade(revision="0007")
    flask_migrate.upgrade()
    assert found["standard"] == (4990, 0, None)
    assert found["economy"] == (2990, 1500, 100_000)


def test_again_is_harmless(app: Flask) -> None:
    flask_migrate.upgrade()
    assert differences() == []
