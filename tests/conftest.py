"""Real servers, one app a database, a clean database a test.

``shop``    the app on SQLite and on PostgreSQL in turn, empty, no context pushed
``app``     the same with an app context, for tests of services
``client``  talks to ``shop`` as a REST client would
``live``    the shop as several real gunicorn processes, which run on after the test

With ``fake_stripe`` the shop takes its payments there; ``live_stripe`` is a ``live`` that does.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import redis
import stripe
from flask import Flask
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Connection, Table, insert, select, text

from bookstore import create_app
from bookstore.config import Settings
from bookstore.extensions import db, redis_handle
from tests.clients import Client, LiveShop, wait_until
from tests.fakes.stripe import FakeStripe
from tests.servers import Postgres, RedisServer, shared_postgres

# Tables that a new shop has rows in.
FROM_MIGRATIONS = ("shipping_methods", "shipping_zones", "tax_rates")
# Tests ask more than any client may, all from one address.
UNLIMITED = {
    "ratelimit_burst": "1000000/minute",
    "ratelimit_sustained": "1000000/day",
    "ratelimit_login": "1000000/minute",
}
SECRET = "a test secret that is long enough to sign"

# The same examples at each run; `make attack` looks for new ones (tests/attack).
hypothesis_settings.register_profile("suite", deadline=None, derandomize=True, database=None)
hypothesis_settings.register_profile("attack", deadline=None, max_examples=3000, database=None)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def redis_server(home: Path) -> Iterator[RedisServer]:
    with RedisServer(home) as server:
        yield server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    with shared_postgres(root / "postgres") as server:
        yield server


class Apps:
    """One migrated app a database, made when first asked for and emptied for each test."""

    def __init__(self, home: Path, request: pytest.FixtureRequest) -> None:
        self.home, self.request = home, request
        self.made: dict[str, Flask] = {}
        self.defaults: dict[str, dict[Table, list[Any]]] = {}
        self.worker = os.environ.get("PYTEST_XDIST_WORKER", "main")

    def server(self) -> Postgres:
        """Return where the shop's database on PostgreSQL is."""
        found: Postgres = self.request.getfixturevalue("postgres")
        return found

    def settings(self, database: str, **changes: object) -> Settings:
        if database == "postgresql":
            url = self.server().url(f"shop_{self.worker}")
        else:
            url = f"sqlite:///{self.home / 'shop.sqlite3'}"
        values: dict[str, object] = {
            "bookstore_env": "testing",
            "bookstore_home": self.home,
            "secret_key": SECRET,
            "database_url": url,
            "log_level": "WARNING",
            **UNLIMITED,
            # Nobody listens there: no event of a test payment reaches somebody else's shop.
            "port": 9,
        }
        return Settings(**{**values, **changes})  # type: ignore[arg-type]

    def get(self, database: str) -> Flask:
        if database not in self.made:
            self.request.getfixturevalue("redis_server")
            if database == "postgresql":
                self.server().drop_database(f"shop_{self.worker}")
                self.server().create_database(f"shop_{self.worker}")
            app = create_app(self.settings(database))
            with app.app_context():
                flask_migrate.upgrade()
                with db.engine.connect() as connection:
                    self.defaults[database] = {
                        table: [dict(row) for row in connection.execute(select(table)).mappings()]
                        for table in (db.metadata.tables[name] for name in FROM_MIGRATIONS)
                    }
            self.made[database] = app
        return self.made[database]

    def empty(self, database: str) -> Flask:
        app = self.get(database)
        # Of a test without Redis: it would clear the cache in the middle of the next one.
        for thread in [one for one in threading.enumerate() if one.name == "cache-debt"]:
            thread.join(timeout=10)
            assert not thread.is_alive(), "a test before this one has left the app without Redis"
        with app.app_context():
            names = [table.name for table in reversed(db.metadata.sorted_tables)]
            with db.engine.connect() as connection:
                if database == "sqlite":
                    # Row by row: a file swapped under somebody's open connection is a broken one.
                    for name in [*names, "book_search_fts", "search_terms_fts"]:
                        connection.execute(text(f"DELETE FROM {name}"))
                else:
                    self._clear(connection, names)
                for table, rows in self.defaults[database].items():
                    connection.execute(insert(table), rows)
                    if database == "postgresql" and "id" in table.c:
                        last = f"setval('{table.name}_id_seq', max(id))"
                        connection.execute(text(f"SELECT {last} FROM {table.name}"))
                connection.commit()
            # A test before this one may have had Redis away, and what counts then left alone.
            wait_until(_counts_in_redis)
            redis_handle.client.flushall()
            app.extensions.pop("bookstore_rates", None)
        self._forget_payments()
        return app

    @staticmethod
    def _clear(connection: Connection, names: list[str]) -> None:
        """Empty the tables that are not and start every id anew.

        By DELETE: TRUNCATE makes new files of every table and index, which takes twenty times as
        long as the few rows of a test are worth.
        """
        each = (f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in names)
        full = set(connection.scalars(text(" UNION ALL ".join(each))))
        # All go, so nobody needs to look whether the others are left whole.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for name in names:
            if name in full:
                connection.execute(text(f"DELETE FROM {name}"))
        connection.execute(
            text(
                "SELECT setval(format('%I.%I', schemaname, sequencename), start_value, false) "
                "FROM pg_sequences WHERE last_value IS NOT NULL"
            )
        )
        connection.execute(text("SET LOCAL session_replication_role = DEFAULT"))

    def _forget_payments(self) -> None:
        """Ids begin anew with each test, and idempotency keys are made of them."""
        file = self.home / "stripe.sqlite3"
        if file.exists():
            with closing(sqlite3.connect(file, timeout=20, isolation_level=None)) as held:
                for name in ("customers", "intents", "charges", "refunds", "events", "keys"):
                    held.execute(f"DELETE FROM {name}")


def _counts_in_redis() -> bool:
    try:
        return bool(redis_handle.quick.ping())
    except redis.RedisError:
        return False


@pytest.fixture(scope="session")
def apps(home: Path, request: pytest.FixtureRequest) -> Iterator[Apps]:
    made = Apps(home, request)
    yield made
    for app in made.made.values():
        with app.app_context():
            db.engine.dispose()
            redis_handle.client.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shop(apps: Apps, database: str) -> Flask:
    return apps.empty(database)


@pytest.fixture
def app(shop: Flask) -> Iterator[Flask]:
    with shop.app_context():
        yield shop


@pytest.fixture
def client(shop: Flask) -> Client:
    return Client(shop)


class LiveShops:
    """Live shops that run on from test to test: to start one takes seconds of CPU."""

    def __init__(self) -> None:
        self.made: list[LiveShop] = []

    def get(self, settings: Settings) -> LiveShop:
        """Return the running shop that has these settings; one that a test ended starts again."""
        for live in self.made:
            if live.settings == settings:
                live.forget_log()
                if live.process.poll() is not None:
                    live.start()
                return live
        live = LiveShop(settings)
        live.start()
        self.made.append(live)
        return live

    def close(self) -> None:
        """End all."""
        for live in self.made:
            live.__exit__()


@pytest.fixture(scope="session")
def live_shops() -> Iterator[LiveShops]:
    with closing(LiveShops()) as shops:
        yield shops


@pytest.fixture
def live(apps: Apps, live_shops: LiveShops, shop: Flask, database: str) -> LiveShop:
    return live_shops.get(apps.settings(database, web_workers=4, web_threads=8))


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[FakeStripe]:
    with FakeStripe() as running:
        yield running


@pytest.fixture
def fake_stripe(
    stripe_server: FakeStripe, shop: Flask, client: Client, monkeypatch: pytest.MonkeyPatch
) -> FakeStripe:
    """The shop's Stripe; its events come when a test says ``deliver`` or ``settle``."""
    stripe_server.reset()
    changed = replace(shop.config["SETTINGS"], **stripe_server.settings)
    monkeypatch.setitem(shop.config, "SETTINGS", changed)
    stripe_server.deliver_to(client.post)
    # The library waits so long before it asks again, and it asks again in half of these tests.
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.02)
    return stripe_server


@pytest.fixture
def live_stripe(
    apps: Apps, live_shops: LiveShops, fake_stripe: FakeStripe, database: str
) -> Iterator[LiveShop]:
    """Real processes that take payments by ``fake_stripe``, which sends them events by itself."""
    settings = apps.settings(database, web_workers=4, web_threads=8, **fake_stripe.settings)
    running = live_shops.get(settings)
    fake_stripe.deliver_to_shop(running.url)
    yield running
    fake_stripe.calm()
