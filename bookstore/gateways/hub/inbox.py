"""Calls from any thread for the one that waits in a selector."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

Call = tuple[Callable[..., None], tuple[Any, ...]]


class Inbox:
    """A queue whose ``fileno`` becomes readable when something is put in."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._woken = False

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._read

    def put(self, function: Callable[..., None], *arguments: Any) -> None:
        """Have the other thread call ``function(*arguments)`` soon."""
        self._calls.append((function, arguments))
        if not self._woken:
            self._woken = True
            with contextlib.suppress(BlockingIOError):
                os.write(self._write, b"\0")

    def take(self) -> Iterator[Call]:
        """Yield what was put in, in order, until nothing is left."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 4096)
        # Before looking: what is put in from here on writes to the pipe again.
        self._woken = False
        yield from self.left()

    def left(self) -> Iterator[Call]:
        """Yield what was put in and never taken, without waiting for anything."""
        while self._calls:
            yield self._calls.popleft()

    def close(self) -> None:
        """Give the descriptors back; nobody may put anything in any more."""
        for descriptor in {self._read, self._write} - {-1}:
            os.close(descriptor)
        self._read = self._write = -1
