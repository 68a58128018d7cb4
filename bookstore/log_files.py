"""A log file that several processes write, and that is put aside when it is large."""

import contextlib
import fcntl
import os
import threading
import weakref
from pathlib import Path

BYTES, KEPT = 15 * 1024 * 1024, 10


class SharedFile:
    """Appends lines to a file; at ``limit`` bytes it becomes ``.1``, that ``.2`` … ``.<kept>``.

    Each line is one write to a file opened for appending, which the kernel does in one piece,
    whoever else writes. A process notices before each line whether the file at the path is still
    its own, and goes on in the new one if not: what it wrote meanwhile is in the file put aside,
    so no line is lost. Who finds the file full puts it aside, one at a time, by a lock.
    """

    def __init__(self, path: Path, limit: int = BYTES, kept: int = KEPT) -> None:
        self.path, self._limit, self._kept = path, limit, kept
        self._lock = threading.Lock()
        self._descriptor = -1
        self._which = (0, 0)
        _all_files.add(self)

    def write(self, line: str) -> None:
        """Append a line.

        Raises:
            OSError: the file cannot be written.
        """
        data = line.encode(errors="backslashreplace") + b"\n"
        with self._lock:
            self._follow(len(data))
            while data:  # a disk that is nearly full takes a part
                data = data[os.write(self._descriptor, data) :]

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        with self._lock:
            self._shut()

    def _follow(self, more: int) -> None:
        """Have the file at the path open, with room for so many bytes."""
        found = self._stat()
        if found is None or self._which != (found.st_dev, found.st_ino):
            self._open()
            found = os.fstat(self._descriptor)
        if found.st_size and found.st_size + more > self._limit:
            self._put_aside(more)
            self._open()

    def _put_aside(self, more: int) -> None:
        lock = os.open(
            self.path.with_name(f".{self.path.name}.lock"),
            os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
            0o600,
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = self._stat()
            if found is None or found.st_size + more <= self._limit:
                return  # another process was first
            for number in range(self._kept - 1, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{self.path}.{number}").replace(f"{self.path}.{number + 1}")
            self.path.rename(f"{self.path}.1")
        finally:
            os.close(lock)

    def _stat(self) -> os.stat_result | None:
        try:
            return self.path.stat()
        except FileNotFoundError:
            return None

    def _open(self) -> None:
        self._shut()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)
        found = os.fstat(self._descriptor)
        self._which = (found.st_dev, found.st_ino)

    def _shut(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._which = -1, (0, 0)

    def forked(self) -> None:
        """In a child: no other thread is here that could hold the lock."""
        self._lock = threading.Lock()


_all_files: weakref.WeakSet[SharedFile] = weakref.WeakSet()


def _forked() -> None:
    for file in list(_all_files):
        file.forked()


os.register_at_fork(after_in_child=_forked)
