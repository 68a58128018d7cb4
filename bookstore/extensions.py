"""The extensions, unbound. This module never builds the app, so anything may import it."""

import sqlite3
import threading
import time
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
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry
from sqlalchemy import Connection, Engine, MetaData, Table, event
from sqlalchemy.orm import DeclarativeBase

from bookstore.config import Settings

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


class _Impatient(Retry):
    """Tries twice, then leaves a Redis that does not answer alone for a moment.

    A request may ask Redis several times. One that hangs, rather than refuses, would cost it the
    whole timeout each time, and soon every thread would wait for it.
    """

    REST_SECONDS = 1.0

    def __init__(self) -> None:
        super().__init__(ExponentialWithJitterBackoff(0.2, 0.02), 1)
        self._away_until = 0.0
        self._asking: int | None = None  # the thread that finds out

    def __deepcopy__(self, _memo: Any) -> "_Impatient":
        return self  # every connection is given a copy, and they are all to know

    def call_with_retry(self, *args: Any, **kwargs: Any) -> Any:
        """Do it; a ConnectionError at once while Redis is left alone."""
        me = threading.get_ident()
        # Connecting, which is a part of asking, comes here as well.
        is_first = self._asking != me
        if is_first and self._away_until:
            if time.monotonic() < self._away_until:
                raise redis.ConnectionError("Redis did not answer a moment ago")
            # One finds out whether it is back; who asks meanwhile is not to wait for that, too.
            self._away_until, self._asking = time.monotonic() + self.REST_SECONDS, me
        try:
            found = super().call_with_retry(*args, **kwargs)
        except (redis.ConnectionError, redis.TimeoutError):
            self._away_until = time.monotonic() + self.REST_SECONDS
            raise
        finally:
            if is_first and self._asking == me:
                self._asking = None
        self._away_until = 0.0
        return found


class RedisHandle:
    """The process's Redis clients, made once per app by ``init_app``."""

    def init_app(self, app: Flask, url: str) -> None:
        """Attach lazy clients with short timeouts: a dead Redis must not slow a request down."""
        app.extensions["bookstore_redis_url"] = url
        # Once more and at once: the connection may be an old one that Redis has closed.
        insistent = Retry(NoBackoff(), 1)
        # What one of these two finds out about Redis, both know.
        impatient = _Impatient()
        for name, retry, seconds in (
            ("bookstore_redis", impatient, 0.5),
            ("bookstore_redis_now", insistent, 0.5),
            ("bookstore_redis_quick", impatient, 0.2),
        ):
            app.extensions[name] = redis.Redis.from_url(
                url,
                socket_connect_timeout=seconds,
                socket_timeout=seconds,
                health_check_interval=30,
                retry=retry,
            )

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
    def url(self) -> str:
        """Return where it is, for a connection of another kind."""
        return str(current_app.extensions["bookstore_redis_url"])


# Rows stay readable after the commit: what a service returns is dumped without asking again.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
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
@event.listens_for(Engine, "connect")
def _sqlite_connect(connection: Any, _record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
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


@event.listens_for(Engine, "begin")
def _sqlite_begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        # A unit of work takes the write lock first: a read lock that has to be upgraded
        # under another writer fails at once, whatever the busy timeout.
        write = connection.get_execution_options().get("bookstore_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
