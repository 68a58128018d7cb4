"""Runs a command that takes its time, and shows that it goes on."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from installing.troubles import reason


class Told:
    """One live line: rewritten in place on a terminal, elsewhere said anew every five seconds."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.started = time.monotonic()
        self._next = self.started + (0.3 if self.live else 2.0)

    def show(self, text: str) -> None:
        """Show what is being done, when that takes its time."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (0.3 if self.live else 5.0)
        line = f"  {text} … {now - self.started:.0f} s"
        sys.stderr.write(f"\r\033[K{line[:78]}" if self.live else f"{line}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Leave nothing half-written."""
        if self.live:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def run(
    folder: Path, command: Sequence[str | Path], telling: Callable[[list[str]], str], **env: str
) -> str:
    """Run a command with a live line and return what it printed.

    Raises:
        Failed: its status is not 0; by its words, the reason.
    """
    lines: list[str] = []
    told = Told()
    process = subprocess.Popen(  # nosec B603
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None  # noqa: S101 - for mypy  # nosec B101
    reader = threading.Thread(target=lines.extend, args=(process.stdout,), daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            told.show(telling(lines))
            reader.join(0.1)
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        told.clear()
    output = "".join(lines)
    if code:
        raise reason(output, folder)
    return output
