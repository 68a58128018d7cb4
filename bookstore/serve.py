"""``flask serve``: the whole shop on one machine, started and stopped as one.

Starts the embedded Redis unless another is named, brings the database up to date, fills an
empty one with the sample catalogue (outside production), and runs gunicorn, a worker and the
scheduler until Ctrl-C. A worker, a scheduler or a Redis that dies alone is started again.
"""

import logging
import socket
import sys
import time
from pathlib import Path

import click
import flask_migrate
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError

from bookstore import logs
from bookstore.config import BadSetting, Settings
from bookstore.extensions import settings as current_settings
from bookstore.gateways.embedded_redis import EmbeddedRedis, EmbeddedServerError
from bookstore.services import catalog_cache, maintenance, sample
from bookstore.supervisor import Family, Member, StopSignal

ROOT = Path(__file__).parent.parent
PYTHON = sys.executable

log = logging.getLogger(__name__)


@click.command("serve")
@with_appcontext
def command() -> None:
    """Run the whole shop here; Ctrl-C stops it."""
    settings = current_settings()
    started = time.perf_counter()
    logs.also_to(settings.log_path)
    try:
        _require_free_port(settings)
        redis = EmbeddedRedis(settings.bookstore_home)
        if settings.redis_url is None:
            redis.start()
        try:
            flask_migrate.upgrade()
            _fill(settings)
            catalog_cache.clear()
            maintenance.run()
            code = _run(settings, redis, started)
        finally:
            if settings.redis_url is None:
                redis.stop()
    except (BadSetting, EmbeddedServerError) as error:
        raise click.ClickException(str(error)) from None
    except DBAPIError as error:
        why = str(error.orig).strip().splitlines()[0]
        raise click.ClickException(f"DATABASE_URL: cannot use the database: {why}") from None
    if code:
        sys.exit(code)


def _require_free_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise BadSetting(
                f"PORT: cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
                "set PORT or HOST to another"
            ) from None


def _fill(settings: Settings) -> None:
    if settings.is_production:
        return
    loaded = sample.load_if_empty()
    if loaded is not None:
        click.echo(f"Loaded the sample catalogue: {loaded} books.")
        for name, password, role in sample.DEMO_USERS:
            click.echo(f"Demo {role}: {name} / {password}")


def _run(settings: Settings, redis: EmbeddedRedis, started: float) -> int:
    """Keep all running until Ctrl-C, or until the web server ends; return the exit status."""
    stop = StopSignal()
    ours = redis.owned
    web = Member("web", [PYTHON, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"], 35, ROOT)
    scheduler = Member("scheduler", [PYTHON, "worker.py", "--scheduler"], 35, ROOT)
    worker = Member("worker", [PYTHON, "worker.py"], 35, ROOT)
    behind = Family([scheduler, worker])
    try:
        web.start()
        behind.start()
        is_open = False
        while not stop.wait(0.5 if is_open else 0.05):
            if web.code is not None:
                return web.code or 1
            behind.tend()
            if ours and not redis.running:
                _start_again(redis)
            if not is_open and _is_up(settings):
                is_open = True
                url = f"http://{settings.host}:{settings.port}"
                click.echo(f"The shop is open after {time.perf_counter() - started:.1f} s: {url}")
                click.echo(f"API documents: {url}/api/v2/docs   Stop: Ctrl-C")
    finally:
        # In this order: nobody makes work for one who has gone.
        web.stop()
        behind.stop()
    click.echo("The shop is closed.")
    return 0


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
