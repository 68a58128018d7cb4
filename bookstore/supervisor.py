"""Keeps child processes running: restarts those that die, stops all in order."""

import contextlib
import logging
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from bookstore.gateways.embedded_redis import spawn

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
# One that has run for so long was well; its next death is a new story.
WELL_SECONDS = 60.0


class StopSignal:
    """SIGTERM and SIGINT as something that can be waited for.

    A pipe, not an Event: a handler that runs while its own thread holds the event's lock would
    wait for itself.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._note)

    def wait(self, seconds: float) -> bool:
        """Return whether a signal has come; wait for one for so long at most."""
        return bool(select.select([self._reader], [], [], max(0, seconds))[0])

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(BlockingIOError):  # full of earlier ones
            os.write(self._writer, b"!")


@dataclass
class Member:
    """One child process: its name, its command, how long it may take to stop, and where it runs
    (None: here)."""

    name: str
    command: Sequence[str]
    stop_seconds: float
    cwd: Path | None = None
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    _started: float = field(default=0.0, init=False)
    _wait: float = field(default=FIRST_WAIT, init=False)
    _start_at: float = field(default=0.0, init=False)

    @property
    def code(self) -> int | None:
        """Its exit status; None while it runs."""
        return None if self.process is None else self.process.poll()

    def start(self) -> None:
        """Start it. It gets SIGTERM when this process dies, however it dies."""
        self.process = spawn(self.command, signal.SIGTERM, cwd=self.cwd)
        self._started = time.monotonic()

    def tend(self) -> None:
        """Start it again if it has died, after a wait that doubles from death to death."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._start_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        if now - self._started >= WELL_SECONDS:
            self._wait = FIRST_WAIT
        log.warning(
            "%s ended by itself, starting it again",
            self.name,
            extra={"code": code, "in_seconds": self._wait},
        )
        self.process, self._start_at = None, now + self._wait
        self._wait = min(2 * self._wait, LONGEST_WAIT)

    def stop(self) -> None:
        """Tell it to stop, and return when it has; one that does not is killed."""
        self.tell()
        process, self.process = self.process, None
        if process is None:
            return
        try:
            process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            log.error("%s did not stop in time, killing it", self.name)
            process.kill()
            process.wait()

    def tell(self) -> None:
        """Send it SIGTERM."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)


class Family:
    """Several members that start and stop together."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members

    def start(self) -> None:
        """Start all."""
        for member in self.members:
            member.start()

    def tend(self) -> None:
        """Start again who has died; to be called about every second."""
        for member in self.members:
            member.tend()

    def stop(self) -> None:
        """Tell all to stop, and return when they have."""
        for member in self.members:
            member.tell()
        for member in self.members:
            member.stop()
