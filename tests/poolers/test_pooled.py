"""The shop works by sessions that change with each transaction, and leaves nothing in them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    with limited(direct, apps, "lock_timeout", "1min"), shop.app_context():
        # The pooler may hand out one of the ended sessions first.
        wait_until(lambda: said(shop) is not None)
        assert said(shop) == [
            "database: lock_timeout is 60000, not 5000: ALTER ROLE … SET lock_timeout = '5000'"
        ]
    wait_until(lambda: said(shop) == [])


@contextmanager
def limited(direct: PostgresServer, apps: Apps, name: str, value: str) -> Iterator[None]:
    """Give the role another limit; sessions that had the usual one are ended."""
    database = f"shop_{apps.worker}"
    with direct_to(direct, apps) as connection:
        connection.execute(f"ALTER ROLE {ROLE} IN DATABASE {database} SET {name} = '{value}'")
        try:
            connection.execute(END_ALL, [ROLE])
            yield
        finally:
            connection.execute(f"ALTER ROLE {ROLE} IN DATABASE {database} RESET ALL")
            connection.execute(END_ALL, [ROLE])


def shown(shop: Flask, name: str) -> str | None:
    """Return a limit as a session of the shop's has it; None when one has just been ended."""
    with shop.app_context():
        try:
            with db.engine.connect() as connection:
                return str(connection.scalar(text(f"SHOW {name}")))
        except DBAPIError:
            return None


def test_who_waits_for_a_lock_is_sent_away_by_the_roles_limit(
    apps: Apps, shop: Flask, direct: PostgresServer
) -> None:
    book_id = new_book(shop, title="Wanted")
    clerk = Client(shop, {"Authorization": f"Bearer {make_clerk(shop)}"})
    ok(clerk.get(f"/books/{book_id}"))
    with limited(direct, apps, "lock_timeout", "200ms"):
        wait_until(lambda: shown(shop, "lock_timeout") == "200ms")
        with direct_to(direct, apps) as holder, holder.transaction():
            holder.execute("UPDATE books SET sold = sold WHERE id = %s", [book_id])
            refused = rename(clerk, book_id)
        assert refused.status_code == 503
        assert refused.get_json()["code"] == "unavailable"
        ok(rename(clerk, book_id))
    wait_until(lambda: shown(shop, "lock_timeout") == "5s")


def rename(clerk: Client, book_id: int) -> Any:
    tag = clerk.get(f"/books/{book_id}").headers["ETag"]
    return clerk.patch(f"/books/{book_id}", {"title": "Had"}, If_Match=tag)


def test_a_transaction_that_idles_is_ended_by_the_roles_limit(
    apps: Apps, shop: Flask, direct: PostgresServer
) -> None:
    name = "idle_in_transaction_session_timeout"
    with limited(direct, apps, name, "200ms"), shop.app_context():
        wait_until(lambda: shown(shop, name) == "200ms")
        with db.engine.connect() as idle:
            idle.execute(text("UPDATE books SET sold = sold"))
            with direct_to(direct, apps) as connection:
                open_ones = (
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE usename = %s AND state = 'idle in transaction'"
                )
                wait_until(lambda: connection.execute(open_ones, [ROLE]).fetchone() == (0,))
            with pytest.raises(DBAPIError) as caught:
                idle.execute(text("SELECT 1"))
            assert caught.value.connection_invalidated
        assert db.session.scalar(text("SELECT 1")) == 1
        db.session.remove()
    wait_until(lambda: shown(shop, name) == "15s")


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
