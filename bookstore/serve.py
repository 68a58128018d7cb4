"""``flask serve``: the whole shop on one machine, started and stopped as one.

Starts the embedded Redis unless another is named, brings the database up to date, fills an
empty one with the sample catalogue (outside production), and runs gunicorn, a worker and the
scheduler until Ctrl-C. A worker, a scheduler or a Redis that dies alone is started again.
"""

import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import flask_migrate
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError

from bookstore import logs
from bookstore.config import BadSetting, Settings
from bookstore.extensions import settings as current_settings
from bookstore.gateways.embedded_redis import EmbeddedRedis, EmbeddedServerError
from bookstore.neighbours import alone_in, require_free_port
from bookstore.services import catalog_cache, maintenance, sample
from bookstore.supervisor import Family, Member, StopSignal

ROOT = Path(__file__).parent.parent
PYTHON = sys.executable
SILENT_SECONDS = 2.0  # of a wait, and then it is told
REDIS_AGAIN_SECONDS = 5.0  # from one attempt to start it again to the next
# What is shown of the open shop, as far as this process serves it.
PAGES = (
    ("Shop", "/"),
    ("Staff console", "/admin/"),
    ("API documents", "/api/v2/docs"),
    ("GraphQL", "/graphql/"),
)

log = logging.getLogger(__name__)


class Steps:
    """Says on the console what is being done, with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.perf_counter() - self._started

    def begin(self, what: str) -> None:
        """Say what is done from now on."""
        click.echo(f"{self.seconds:6.1f} s  {what}")


@click.command("serve")
@with_appcontext
def command() -> None:
    """Run the whole shop here; Ctrl-C stops it."""
    # `make run` had Ctrl-C end it at once until here, where there is something to put in order.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = current_settings()
    steps = Steps()
    logs.also_to(settings.log_path)
    home = settings.bookstore_home
    url = f"http://{settings.host}:{settings.port}"
    try:
        with alone_in(home, url), _redis_of(settings, steps) as redis:
            steps.begin("bringing the database up to date")
            flask_migrate.upgrade()
            _fill(settings, steps)
            catalog_cache.clear()
            maintenance.run()
            steps.begin("starting web server, worker and scheduler")
            code = _run(settings, redis, steps, url)
    except (BadSetting, EmbeddedServerError) as error:
        raise click.ClickException(str(error)) from None
    except DBAPIError as error:
        why = str(error.orig).strip().splitlines()[0]
        raise click.ClickException(f"DATABASE_URL: cannot use the database: {why}") from None
    except OSError as error:
        raise click.ClickException(f"BOOKSTORE_HOME: cannot use {home}: {error}") from None
    except KeyboardInterrupt:
        click.echo("\nStopped before the shop was open.", err=True)
        code = 130
    if code:
        sys.exit(code)


@contextlib.contextmanager
def _redis_of(settings: Settings, steps: Steps) -> Iterator[EmbeddedRedis | None]:
    """Have the embedded Redis run; None when another is named."""
    require_free_port(settings.host, settings.port)
    if settings.redis_url is not None:
        yield None
        return
    steps.begin("starting the embedded Redis")
    with EmbeddedRedis(settings.bookstore_home) as redis:
        yield redis


def _fill(settings: Settings, steps: Steps) -> None:
    if not settings.is_production and sample.is_wanted():
        steps.begin("filling the empty shop with the sample catalogue")
        sample.load_if_empty()


def _run(settings: Settings, redis: EmbeddedRedis | None, steps: Steps, url: str) -> int:
    """Keep all running until Ctrl-C, or until the web server ends; return the exit status."""
    stop = StopSignal()
    web = Member("web", [PYTHON, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"], 35, ROOT)
    scheduler = Member("scheduler", [PYTHON, "worker.py", "--scheduler"], 35, ROOT)
    worker = Member("worker", [PYTHON, "worker.py"], 35, ROOT)
    behind = Family([scheduler, worker])
    try:
        web.start()
        behind.start()
        is_open, redis_due, say_at = False, 0.0, steps.seconds + SILENT_SECONDS
        while not stop.wait(0.5 if is_open else 0.05):
            if web.code is not None:
                return web.code or 1
            behind.tend()
            if redis is not None and time.monotonic() >= redis_due and not _has_redis(redis):
                redis_due = time.monotonic() + REDIS_AGAIN_SECONDS
                _start_again(redis)
            if not is_open and _is_up(settings):
                is_open = True
                _welcome(settings, url, steps.seconds)
            elif not is_open and steps.seconds >= say_at:
                say_at = steps.seconds + SILENT_SECONDS
                steps.begin("waiting for the web server")
    finally:
        # In this order: nobody makes work for one who has gone.
        web.stop()
        behind.stop()
    click.echo("The shop is closed.")
    return 0


def _welcome(settings: Settings, url: str, seconds: float) -> None:
    click.echo(f"The shop is open after {seconds:.1f} s.\n")
    served = current_app.url_map.bind("localhost").test
    rows = [(name, url + path) for name, path in PAGES if served(path, "GET")]
    if not settings.is_production:
        rows += [
            (f"Demo {role}", f"{name} / {password}")
            for name, password, role in sample.demo_users_here()
        ]
    rows += [("Next", "`make demo` in a second terminal buys a book"), ("Stop", "Ctrl-C")]
    click.echo("".join(f"  {name:<15} {what}\n" for name, what in rows))


def _has_redis(redis: EmbeddedRedis) -> bool:
    # Another process may have started it again meanwhile, and run it.
    return redis.running or redis.answers()


def _start_again(redis: EmbeddedRedis) -> None:
    log.warning("Redis ended by itself, starting it again")
    try:
        redis.start()
    except EmbeddedServerError as error:
        log.error("Redis does not start; the shop goes on without", extra={"why": str(error)})


def _is_up(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  # nosec B104
    try:
        with socket.create_connection((host, settings.port), timeout=1) as probe:
            probe.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            return b" 200 " in probe.recv(64)
    except OSError:
        return False
