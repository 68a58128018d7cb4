"""The shop's other processes as tests run them: ``worker.py``, for real."""

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Self

import psutil

from bookstore.config import Settings
from bookstore.gateways.embedded_redis import spawn
from tests.clients import wait_until

ROOT = Path(__file__).parent.parent


def environ(settings: Settings, **more: str) -> dict[str, str]:
    """Return the environment that makes a process have these settings."""
    found = {k: v for k, v in os.environ.items() if k.startswith(("PATH", "HOME", "COV"))}
    for item in fields(settings):
        value = getattr(settings, item.name)
        if value is not None:
            found[item.name.upper()] = str(value)
    return found | more


class LiveWorker:
    """``python worker.py …``: what it is given, it is called with (a queue, ``--scheduler``, …).

    ``more`` is added to its environment. A context manager; ``stop`` and ``kill`` end it before
    that, ``start`` starts it again.
    """

    def __init__(self, settings: Settings, *arguments: str, **more: str) -> None:
        self.settings, self.arguments = settings, arguments
        self.environ = environ(settings, **{"LOG_LEVEL": "INFO", **more})
        self._log = tempfile.NamedTemporaryFile(prefix="worker-", suffix=".log", delete=False)  # noqa: SIM115

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._log.close()
        Path(self._log.name).unlink()

    @property
    def log(self) -> str:
        """What it has written so far."""
        return Path(self._log.name).read_text()

    def start(self) -> None:
        """Start it; that it works is for the caller to wait for."""
        self.process: subprocess.Popen[bytes] = spawn(
            [sys.executable, str(ROOT / "worker.py"), *self.arguments],
            signal.SIGTERM,
            cwd=ROOT,
            env=self.environ,
            stdout=self._log,
            stderr=self._log,
        )

    def family(self) -> list[psutil.Process]:
        """Return it and all below it."""
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    def kill(self) -> None:
        """Kill it and all below it at once, as the kernel or an operator would."""
        if self.process.poll() is None:
            family = self.family()
            for member in family:
                if member.is_running():
                    member.kill()
            psutil.wait_procs(family, timeout=20)
        self.process.wait(timeout=20)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=45)

    def wait_for(self, text: str, times: int = 1) -> None:
        """Return once its log has this text so often; fail when it ends or does not."""
        wait_until(lambda: self.log.count(text) >= times or self.process.poll() is not None)
        assert self.log.count(text) >= times, self.log[-3000:]
