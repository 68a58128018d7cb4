"""The processes under load: web servers on one listening socket, workers, and a Stripe."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, Any, Self

import psutil
import requests

from benchmarks.server import ROOT, environ
from bookstore.config import Settings
from bookstore.gateways.embedded_redis import spawn

SECONDS_TO_START = 60
SECONDS_TO_STOP = 45


class Running:
    """A process with all its children, that can be replaced by another of its kind.

    Args:
        name: what it is called in the report.
        command: starts one; called again for each that follows.
        ready: whether the one that was started last does its work.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[], "subprocess.Popen[bytes]"],
        ready: Callable[[], bool],
    ) -> None:
        self.name, self._command, self._ready = name, command, ready
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.process = self._start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            _stop(self.process)

    def replace(self) -> float:
        """Start another, and stop this one once that works; return the seconds this took to stop.

        Raises:
            RuntimeError: it does not start, or does not stop by itself.
        """
        before, self.process = self.process, self._start()
        assert before is not None
        told = time.monotonic()
        if not _stop(before):
            raise RuntimeError(f"{self.name} had to be killed")
        return time.monotonic() - told

    def memory(self) -> int:
        """Return the bytes that it and its children have for themselves."""
        assert self.process is not None
        total = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.process.pid)
            for member in [process, *process.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += member.memory_full_info().uss
        return total

    def _start(self) -> "subprocess.Popen[bytes]":
        process = self._command()
        until = time.monotonic() + SECONDS_TO_START
        while not self._ready():
            if process.poll() is not None or time.monotonic() > until:
                _stop(process)
                raise RuntimeError(f"{self.name} does not start")
            time.sleep(0.1)
        return process


def web(name: str, settings: Settings, listener: socket.socket, log: IO[bytes]) -> Running:
    """Return a gunicorn that takes its clients from ``listener``, with others that do.

    It has a port of its own as well, as a load balancer's question needs.
    """
    own = [0]

    def command() -> "subprocess.Popen[bytes]":
        with socket.create_server(("127.0.0.1", 0)) as door:
            own[0] = door.getsockname()[1]
            doors = [listener.fileno(), door.fileno()]
            binds = [word for number in doors for word in ("--bind", f"fd://{number}")]
            conf = str(ROOT / "gunicorn.conf.py")
            command = ["-m", "gunicorn", "-c", conf, *binds, "wsgi:app"]
            return _spawn(command, settings, log, pass_fds=doors)

    def ready() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{own[0]}/healthz", timeout=5).ok
        return False

    return Running(name, command, ready)


def worker(settings: Settings, log: IO[bytes], *arguments: str) -> Running:
    """Return a worker of all queues, or the scheduler."""
    name = "scheduler" if arguments else "worker"
    started: list[psutil.Process] = []

    def command() -> "subprocess.Popen[bytes]":
        process = _spawn([str(ROOT / "worker.py"), *arguments], settings, log)
        started.append(psutil.Process(process.pid))
        return process

    def ready() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return bool(arguments) or bool(started[-1].children())
        return False

    return Running(name, command, ready)


@contextlib.contextmanager
def stripe() -> Iterator[str]:
    """Run a Stripe that pays by test cards, in a process of its own; yields its address."""
    process = spawn(
        [sys.executable, "-m", "tests.fakes.stripe", "--at-once"],
        signal.SIGTERM,
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
    finally:
        _stop(process)


def _spawn(
    command: list[str], settings: Settings, log: IO[bytes], **more: Any
) -> "subprocess.Popen[bytes]":
    return spawn(
        [sys.executable, *command],
        signal.SIGTERM,
        cwd=ROOT,
        env=environ(settings),
        stdout=log,
        stderr=log,
        **more,
    )


def _stop(process: "subprocess.Popen[bytes]") -> bool:
    """Stop it; return whether it did so by itself."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False
    return True
