"""The shop works by sessions that change with each transaction, and leaves nothing in them."""

import subprocess
import sys
from functools import partial
from typing import Any

import flask_migrate
import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from bookstore.engine import LIMITS
from bookstore.extensions import db
from bookstore.services import database_checks, doctor
from tests.clients import ADDRESS, Client, LiveShop, at_once, ok, wait_until
from tests.conftest import Apps
from tests.factories import make_buyers, make_clerk, new_book
from tests.fakes.receiver import Receiver
from tests.poolers.server import ROLE, Pooler
from tests.processes import ROOT, LiveWorker, environ
from tests.servers import PostgresServer

END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"

pytestmark = pytest.mark.usefixtures("unchanged")


def sessions(pooler: Pooler, database: str) -> list[Any]:
    """Return the sessions that the pooler has of a database, each by its own settings."""
    found = []
    for _ in range(20):
        with psycopg.connect(pooler.url(database).replace("+psycopg", "")) as connection:
            row = connection.execute(
                "SELECT pg_backend_pid(), array(SELECT name || '=' || setting FROM pg_settings "
                "WHERE source = 'session' AND name <> 'TimeZone' ORDER BY 1), "
                "array(SELECT statement FROM pg_prepared_statements)"
            ).fetchone()
            found.append(row)
    return found


def test_the_role_has_the_limits(shop: Flask) -> None:
    with shop.app_context(), db.engine.connect() as connection:
        for name, value in LIMITS.items():
            query = f"SELECT setting FROM pg_settings WHERE lower(name) = '{name}'"
            assert connection.scalar(text(query)) == value


def test_a_statement_and_a_lock_are_waited_for_only_so_long(
    shop: Flask, direct: PostgresServer
) -> None:
    with shop.app_context():
        with db.engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 100"))
            with pytest.raises(OperationalError, match="statement timeout"):
                connection.execute(text("SELECT pg_sleep(20)"))
        # What was set for one transaction ended with it.
        with db.engine.begin() as connection:
            assert connection.scalar(text("SHOW statement_timeout")) == "10s"


def test_the_doctor_misses_limits_that_the_role_lacks(
    apps: Apps, shop: Flask, direct: PostgresServer
) -> None:
    name = f"shop_{apps.worker}"
    with direct_to(direct, apps) as connection:
        connection.execute(f"ALTER ROLE {ROLE} IN DATABASE {name} SET lock_timeout = '1min'")
        try:
            connection.execute(END_ALL, [ROLE])
            with shop.app_context():
                # The pooler may hand out one of the ended sessions first.
                wait_until(lambda: said(shop) is not None)
                assert said(shop) == [
                    "database: lock_timeout is 60000, not 5000: ALTER ROLE … SET lock_timeout = "
                    "'5000'"
                ]
        finally:
            connection.execute(f"ALTER ROLE {ROLE} IN DATABASE {name} RESET ALL")
            connection.execute(END_ALL, [ROLE])
    wait_until(lambda: said(shop) == [])


def said(shop: Flask) -> list[str] | None:
    """Return what the doctor says of the database; None when a session has just been ended."""
    with shop.app_context():
        try:
            return list(database_checks.examine())
        except DBAPIError:
            return None


def test_nothing_is_prepared_in_a_session_that_is_lent(
    apps: Apps, shop: Flask, client: Client, pooler: Pooler
) -> None:
    book_id = new_book(shop)
    for _ in range(12):
        ok(client.get(f"/books/{book_id}/reviews"))
    for _pid, changed, prepared in sessions(pooler, f"shop_{apps.worker}"):
        assert prepared == []
        assert changed == [], changed


def test_a_customers_journey_in_several_processes_with_two_sessions(
    apps: Apps, shop: Flask, pooler: Pooler, direct: PostgresServer
) -> None:
    book_id = new_book(shop, stock=100)
    tokens = [token for _, token in make_buyers(shop, 7)]
    clerk = make_clerk(shop)
    settings = apps.settings(
        "postgresql", web_workers=2, web_threads=8, webhook_allow_private_networks=True
    )
    with (
        LiveShop(settings) as live,
        LiveWorker(settings, "outgoing"),
        Receiver() as receiver,
    ):
        endpoint = {"url": receiver.url, "events": ["order.created", "order.paid"]}
        assert live.call("POST", "/webhooks/endpoints", endpoint, clerk).status_code == 201

        def buy(token: str) -> None:
            line = {"book_id": book_id, "quantity": 2}
            assert live.call("POST", "/cart/items", line, token).status_code == 201
            order = {"shipping_address": ADDRESS, "shipping_method": "standard"}
            placed = live.call("POST", "/orders", order, token)
            assert placed.status_code == 201, placed.text
            path = f"/orders/{placed.json()['id']}"
            intent = live.call("POST", f"{path}/payment-intent", None, token)
            assert intent.status_code == 200, intent.text
            card = {"client_secret": intent.json()["client_secret"]}
            card["card_number"] = "4242424242424242"
            paid = live.call("POST", "/payments/test/confirm", card, token)
            assert paid.status_code == 200, paid.text
            assert live.call("GET", path, None, token).status_code == 200

        tokens.append(live.register("newcomer"))
        at_once([partial(buy, token) for token in tokens], threads=8)

        def told() -> set[str]:
            return {one.headers["webhook-id"] for one in list(receiver.received)}

        wait_until(lambda: len(told()) == 2 * len(tokens), 60)
        with direct_to(direct, apps) as connection:
            waiting = "SELECT count(*) FROM emails WHERE finished_at IS NULL"
            wait_until(lambda: connection.execute(waiting).fetchone() == (0,))
            shared = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
            assert (connection.execute(shared, [ROLE]).fetchone() or [9])[0] <= 2 * pooler.size
    with shop.app_context():
        assert list(doctor.examine(offline=True)) == []


def direct_to(direct: PostgresServer, apps: Apps) -> "psycopg.Connection[Any]":
    url = direct.url(f"shop_{apps.worker}").replace("+psycopg", "")
    return psycopg.connect(url, autocommit=True)


def test_of_two_that_migrate_at_once_one_does_and_nothing_stays(
    shop: Flask, apps: Apps, pooler: Pooler
) -> None:
    with shop.app_context():
        db.session.remove()
        flask_migrate.downgrade(revision="0015")
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    settings = shop.config["SETTINGS"]
    started = [
        subprocess.Popen(command, cwd=ROOT, env=environ(settings), stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [one.communicate(timeout=120)[1].decode() for one in started]
    assert [one.returncode for one in started] == [0, 0], said
    with shop.app_context():
        flask_migrate.upgrade()
        index = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"
        name = {"name": "ix_book_search_boost_book_id"}
        assert db.session.scalar(text(index), name) is True
    for _, own, prepared in sessions(pooler, f"shop_{apps.worker}"):
        assert (own, prepared) == ([], [])
