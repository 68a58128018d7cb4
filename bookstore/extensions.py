"""The extensions, unbound. This module never builds the app, so anything may import it."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, cast

import redis
from flask import Flask, current_app
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, MetaData, Table, event
from sqlalchemy.orm import DeclarativeBase

from bookstore.config import Settings
from bookstore.redis_clients import Clients
from bookstore.routing import RoutedSession

# Explicit names, so that a migration can drop what another created, on every database.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Parent of every table."""

    metadata = MetaData(naming_convention=NAMING)
    if TYPE_CHECKING:
        __table__: ClassVar[Table]  # ours are tables, never views or joins


class RedisHandle:
    """The process's Redis clients, made once per app by ``init_app``.

    On a cluster, keys of one command or script have to share a hash tag.
    """

    def init_app(self, app: Flask, url: str) -> None:
        """Attach lazy clients with short timeouts: a dead Redis must not slow a request down."""
        clients = Clients(url)
        app.extensions["bookstore_redis_clients"] = clients
        app.extensions["bookstore_redis"] = client = clients.impatient(0.5)
        app.extensions["bookstore_redis_now"] = clients.insistent(0.5)
        app.extensions["bookstore_redis_quick"] = clients.impatient(0.2)
        app.extensions["bookstore_redis_queue"] = (
            clients.queue(0.5) if clients.is_cluster else client
        )

    @property
    def clients(self) -> Clients:
        """Return what makes clients of other kinds: for those who wait, beat or subscribe."""
        return cast(Clients, current_app.extensions["bookstore_redis_clients"])

    @property
    def client(self) -> "redis.Redis":
        """Return the current app's client."""
        return cast("redis.Redis", current_app.extensions["bookstore_redis"])

    @property
    def insistent(self) -> "redis.Redis":
        """Return a client that asks also when Redis did not answer a moment ago.

        For the few words that must not be lost to a rest, such as that a cached page is stale.
        """
        return cast("redis.Redis", current_app.extensions["bookstore_redis_now"])

    @property
    def quick(self) -> "redis.Redis":
        """Return a client for what each request asks, and can do without."""
        return cast("redis.Redis", current_app.extensions["bookstore_redis_quick"])

    @property
    def queue(self) -> "redis.Redis":
        """Return a client for RQ, whose transactions take many keys."""
        return cast("redis.Redis", current_app.extensions["bookstore_redis_queue"])

    @property
    def is_cluster(self) -> bool:
        """Whether Redis is a cluster: keys of one command or script must share a hash tag."""
        return self.clients.is_cluster


# Rows stay readable after the commit: what a service returns is dumped without asking again.
db = SQLAlchemy(
    model_class=Base, session_options={"class_": RoutedSession, "expire_on_commit": False}
)
# What tables derive from; mypy cannot see through the attribute of an object.
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model
migrate = Migrate(compare_type=True, render_as_batch=True)
jwt = JWTManager()
redis_handle = RedisHandle()
# Where it counts is ``gateways.rates``; who is counted, and against what, ``services.limits``.
limiter = Limiter(get_remote_address, storage_uri="bookstore://", strategy="sliding-window-counter")


def context_maker() -> Callable[[], AbstractContextManager[Any]]:
    """Return what makes contexts of the current app, for a thread of the process's own."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app.app_context


def settings() -> Settings:
    """Return the current app's settings; the one way services and gateways learn them."""
    return cast(Settings, current_app.config["SETTINGS"])


# -- SQLite: real transactions, foreign keys, durable commits ---------------------------------
def prepare_sqlite(connection: sqlite3.Connection) -> None:
    """Set up a new connection to SQLite as the shop needs each of them; it is in autocommit."""
    # The driver's own BEGIN comes late and never IMMEDIATE; _sqlite_begin does it right.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "busy_timeout = 20000",
        "journal_mode = WAL",
        # FULL: an accepted order must survive a power cut, not only a crash.
        "synchronous = FULL",
        "foreign_keys = ON",
        "cache_size = -32000",
        "trusted_schema = OFF",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(Engine, "connect")
def _sqlite_connect(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        prepare_sqlite(connection)


@event.listens_for(Engine, "begin")
def _sqlite_begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        # A unit of work takes the write lock first: a read lock that has to be upgraded
        # under another writer fails at once, whatever the busy timeout.
        write = connection.get_execution_options().get("bookstore_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
