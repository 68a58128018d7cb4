"""The app factory: wires every room together."""

from datetime import timedelta
from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from bookstore import (
    blueprints,
    cli,
    engine,
    logs,
    problems,
    sentry,
    serve,
    shell,
    sockets,
    toolbar,
    traces,
)
from bookstore.config import Settings
from bookstore.extensions import db, jwt, limiter, migrate, redis_handle
from bookstore.gateways import embedded_redis
from bookstore.services import sales_sums
from bookstore.web import NoSessions, OrjsonProvider, Shop

BODY_LIMIT = 1024 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """Return the service, ready to serve.

    Args:
        settings: read from the environment unless given.

    Raises:
        BadSetting: a setting is missing or wrong.
    """
    settings = settings or Settings.from_environ()
    logs.configure(level=settings.log_level, json_lines=settings.is_production)
    sentry.configure(settings)
    app = Shop("bookstore", static_folder=None)
    app.json = OrjsonProvider(app)
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=settings.resolved_secret_key(),
        TESTING=settings.bookstore_env == "testing",
        MAX_CONTENT_LENGTH=BODY_LIMIT,
        # The console has one of its own. Should a tool for development set one, not carelessly.
        SESSION_COOKIE_SECURE=settings.bookstore_env != "development",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine.options(settings),
        SQLALCHEMY_BINDS=engine.replicas_of(settings),
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
    if settings.debug_toolbar:
        app.config.update(toolbar.CONFIG)
    else:
        app.session_interface = NoSessions()
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
        engine.watch(settings.slow_query_ms)
    engine.follow(app, settings)
    sales_sums.follow()
    if settings.debug_toolbar:
        toolbar.init_app(app)
    if traces.configure(settings):
        _trace(app)
    return app


def _trace(app: Flask) -> None:
    # Here, so that a shop without traces does not even import this.
    from bookstore.traces import sql, web

    web.watch(app)
    with app.app_context():
        for each in db.engines.values():
            sql.watch(each)


def _migrations_folder() -> Path:
    return Path(__file__).parent.parent / "migrations"
