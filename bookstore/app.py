"""The app factory: wires every room together."""

import logging
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from flask import Flask
from flask.json.provider import JSONProvider
from sqlalchemy import event
from werkzeug.middleware.proxy_fix import ProxyFix

from bookstore import blueprints, cli, logs, problems, serve, shell, sockets
from bookstore.config import Settings
from bookstore.extensions import db, jwt, limiter, migrate, redis_handle
from bookstore.gateways import embedded_redis

BODY_LIMIT = 1024 * 1024


class OrjsonProvider(JSONProvider):
    """Flask's JSON by orjson: several times faster, and it refuses NaN."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:
        """Return JSON text."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """Parse JSON text or bytes."""
        return orjson.loads(s)


def create_app(settings: Settings | None = None) -> Flask:
    """Return the service, ready to serve.

    Args:
        settings: read from the environment unless given.

    Raises:
        BadSetting: a setting is missing or wrong.
    """
    settings = settings or Settings.from_environ()
    logs.configure(level=settings.log_level, json_lines=settings.is_production)
    app = Flask("bookstore", static_folder=None)
    app.json = OrjsonProvider(app)
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=settings.resolved_secret_key(),
        TESTING=settings.bookstore_env == "testing",
        MAX_CONTENT_LENGTH=BODY_LIMIT,
        # The shop sets no cookie. Should a tool for development do, then not carelessly.
        SESSION_COOKIE_SECURE=settings.bookstore_env != "development",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings),
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=60),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(days=30),
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_ENCODE_ISSUER="bookstore",
        JWT_DECODE_ISSUER="bookstore",
        JWT_ENCODE_AUDIENCE="bookstore-api",
        JWT_DECODE_AUDIENCE="bookstore-api",
        JWT_TOKEN_LOCATION=["headers"],
    )
    settings.make_home()
    db.init_app(app)
    migrate.init_app(app, db, directory=str(_migrations_folder()))
    jwt.init_app(app)
    redis_handle.init_app(
        app, settings.redis_url or embedded_redis.default_url(settings.bookstore_home)
    )
    # Whoever asks has to be known before they are counted (auth.py), so what it would do by itself
    # before and after each request is left out: it believes that it is there already.
    app.extensions["limiter"] = {limiter}
    limiter.init_app(app)
    problems.init_app(app, blueprints.SHAPES)
    blueprints.init_app(app)
    sockets.init_app(app)
    if settings.trusted_proxies:
        believed = settings.trusted_proxies
        # Last, so that it comes first: all others see the client, not the proxy.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=believed, x_proto=believed, x_host=believed
        )
    cli.init_app(app)
    app.cli.add_command(serve.command)
    shell.init_app(app)
    with app.app_context():
        _log_slow_queries(settings.slow_query_ms)
    return app


def _engine_options(settings: Settings) -> dict[str, Any]:
    # Errors are logged with their statement, never with the values: those are people's.
    common: dict[str, Any] = {"hide_parameters": True}
    if settings.sqlalchemy_url.startswith("sqlite"):
        return common
    return {
        **common,
        "pool_size": settings.web_threads,
        "max_overflow": 2,
        "pool_timeout": 5,
        "pool_recycle": 1800,
        "connect_args": {
            "connect_timeout": 5,
            # Nothing a request does may hold a lock or a connection for ever.
            "options": "-c statement_timeout=10000 -c lock_timeout=5000 "
            "-c idle_in_transaction_session_timeout=15000 -c timezone=UTC",
        },
    }


def _migrations_folder() -> Path:
    return Path(__file__).parent.parent / "migrations"


def _log_slow_queries(limit_ms: int) -> None:
    log = logging.getLogger("bookstore.sql")

    def before(conn: Any, *_rest: Any) -> None:
        conn.info["started"] = time.perf_counter()

    def after(conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        elapsed = (time.perf_counter() - conn.info["started"]) * 1000
        if elapsed >= limit_ms:
            # The statement has placeholders, never the values.
            log.warning("slow query", extra={"ms": round(elapsed), "sql": statement[:2000]})

    event.listen(db.engine, "before_cursor_execute", before)
    event.listen(db.engine, "after_cursor_execute", after)
