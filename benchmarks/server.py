"""A gunicorn of our own on a core of its own, and how much CPU time processes have used."""

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Self

import psutil

from benchmarks.client import Client, Request
from bookstore.config import Settings
from bookstore.gateways.embedded_redis import spawn

ROOT = Path(__file__).parent.parent
SECONDS_TO_START = 30

# Pinned before gunicorn starts, so that every thread of every worker is.
_PINNED = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
os.execv(sys.argv[2], sys.argv[2:])
"""


@functools.cache
def cores() -> tuple[int, int] | None:
    """Return (core of the server, core of all else), or None where processes cannot be pinned.

    The first answer stands, since this process then pins itself.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else None


# What starts a server on an address, serving an application; the listening socket is inherited.
Command = Callable[[socket.socket, str], list[str]]


def gunicorn(listener: socket.socket, app: str, *more: str) -> list[str]:
    """Return the command of the shop's own server, with its gunicorn.conf.py.

    No worker of it is ever replaced: that would take with it what it has used.
    """
    command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py")]
    return [*command, "--max-requests", "0", "--bind", f"fd://{listener.fileno()}", *more, app]


class Server:
    """A server of ``app``, by default the shop's own; a context manager.

    It inherits a listening socket, so that whoever connects waits until it is ready. A server
    that ``binds`` for itself is given a free port, and asked until it answers. Of several
    ``processes`` each has started when the context is entered.
    """

    def __init__(
        self,
        app: str,
        settings: Settings,
        folder: Path,
        core: int | None,
        command: Command = gunicorn,
        *,
        binds: bool = False,
        processes: int = 1,
    ) -> None:
        self._app, self._settings, self._core = app, settings, core
        self._command, self._binds, self._processes = command, binds, processes
        self.log = folder / f"{app.replace(':', '-')}.log"

    def __enter__(self) -> Self:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            self.address: tuple[str, int] = listener.getsockname()
            command = self._command(listener, self._app)
            inherited = [] if self._binds else [listener.fileno()]
            if self._binds:
                listener.close()
            if self._core is not None:
                command = [sys.executable, "-c", _PINNED, str(self._core), *command]
            with self.log.open("wb") as log:
                self._process = spawn(
                    command,
                    signal.SIGTERM,
                    cwd=ROOT,
                    env=environ(self._settings),
                    stdout=log,
                    stderr=log,
                    pass_fds=inherited,
                )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def pid(self) -> int:
        """The master's process id."""
        return self._process.pid

    def cpu(self) -> float:
        """Return the CPU seconds that the workers have used so far; all, if there is no master.

        Raises:
            RuntimeError: a worker is not the one of the start, so the sum means nothing.
        """
        if self._children() != self._workers:
            raise RuntimeError(f"a worker ended: {self.log.read_text()[-2000:]}")
        return sum(_used(worker) for worker in self._workers)

    def _children(self) -> list[psutil.Process]:
        master = psutil.Process(self._process.pid)
        return master.children() or [master]

    def _wait(self) -> None:
        path = "/" if self._app.startswith("benchmarks.") else "/healthz"
        until = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                # Whatever it answers there: a hello, or where the documents are.
                with Client(self.address, 1, None) as client:
                    client.run(iter([Request(path).encoded()]))
                break
            except Exception as error:
                if isinstance(error, OSError) and self._binds and time.monotonic() < until:
                    time.sleep(0.1)
                    continue
                said = self.log.read_text()[-2000:]
                raise RuntimeError(f"{self._app} does not start: {error}\n{said}") from None
        self._workers = self._children()
        while self._processes > 1 and not self._all_idle():
            self._workers = self._children()

    def _all_idle(self) -> bool:
        """Return, after a while, whether all workers are there and have nothing more to do."""
        before = sum(map(_used, self._workers))
        time.sleep(0.5)
        if len(self._workers) < self._processes or self._children() != self._workers:
            return False
        return sum(map(_used, self._workers)) - before < 0.02


def environ(settings: Settings) -> dict[str, str]:
    """Return the environment of a process that runs the shop with these settings."""
    kept = {"PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH"}
    found = {k: v for k, v in os.environ.items() if k in kept}
    for item in fields(settings):
        value = getattr(settings, item.name)
        if value is not None:
            found[item.name.upper()] = str(value)
    return found


def tree_cpu(pid: int) -> float:
    """Return the CPU seconds of a process, of its children, and of those it has waited for."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    used = times.user + times.system + times.children_user + times.children_system
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            used += _used(child)
    return used


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
