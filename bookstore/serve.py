"""``flask serve``: the whole shop on one machine, started and stopped as one.

Starts the embedded Redis unless another is named, brings the database up to date, fills an
empty one with the sample catalogue (outside production), and runs gunicorn until Ctrl-C.
"""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import click
import flask_migrate
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError

from bookstore.config import BadSetting, Settings
from bookstore.extensions import settings as current_settings
from bookstore.gateways.embedded_redis import EmbeddedRedis, EmbeddedServerError, spawn
from bookstore.services import catalog_cache, maintenance, sample

ROOT = Path(__file__).parent.parent


@click.command("serve")
@with_appcontext
def command() -> None:
    """Run the whole shop here; Ctrl-C stops it."""
    settings = current_settings()
    started = time.perf_counter()
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
            code = _run_web(settings, started)
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


def _run_web(settings: Settings, started: float) -> int:
    # In a session of its own: Ctrl-C comes to us alone, and we stop things in order.
    process = spawn(
        [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"],
        signal.SIGTERM,
        cwd=ROOT,
    )
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        process.send_signal(signal.SIGTERM)

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
    if _wait_until_up(settings, process):
        url = f"http://{settings.host}:{settings.port}"
        click.echo(f"The shop is open after {time.perf_counter() - started:.1f} s: {url}")
        click.echo(f"API documents: {url}/api/v2/docs   Stop: Ctrl-C")
    code = process.wait()
    if stopping:
        click.echo("The shop is closed.")
        return 0
    return code or 1


def _wait_until_up(settings: Settings, process: "subprocess.Popen[bytes]") -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    while process.poll() is None:
        try:
            with socket.create_connection((host, settings.port), timeout=1) as probe:
                probe.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                if b" 200 " in probe.recv(64):
                    return True
        except OSError:
            pass
        time.sleep(0.05)
    return False
