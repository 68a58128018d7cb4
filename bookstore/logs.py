"""One log line an event: JSON in production, readable text elsewhere, request id in each.

Lines go to the console; those of the shop's servers (``also_to``) also to a file that they share.
"""

import contextvars
import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

import orjson

from bookstore.log_files import SharedFile
from bookstore.log_formats import JsonFormatter, TextFormatter, now
from bookstore.scrubbing import scrub

# How long a line that is written ``soon`` waits for others at most.
LATE_SECONDS = 0.01

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")
# The trace that the line belongs to (32 hex digits); empty without one.
trace_id: contextvars.ContextVar[str] = contextvars.ContextVar("trace_id", default="")


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        if trace := trace_id.get():
            record.trace_id = trace
        return True


_all_lines: "weakref.WeakSet[_Lines]" = weakref.WeakSet()


class _Lines(logging.StreamHandler):  # type: ignore[type-arg]
    """Formats a record once, for the console and for the file.

    Threads do not wait for each other: whoever finds another one writing leaves its line to it.
    """

    # After so many times a thread has written enough for others, and goes back to its own work.
    # What is left then is written along with the next line.
    MOST, MOST_WAITING = 16, 10_000

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: deque[str] = deque()
        self._writing = threading.Lock()
        self._is_due = threading.Event()
        self._clerk: threading.Thread | None = None
        self._hiring = threading.Lock()
        _all_lines.add(self)

    def handle(self, record: logging.LogRecord) -> Any:
        kept = self.filter(record)
        if kept:
            self.emit(kept if isinstance(kept, logging.LogRecord) else record)
        return kept

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._waiting.append(self.format(record))
            self._write()
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self._write()
        super().flush()

    def add_soon(self, line: str) -> None:
        """Write a line a moment later, with all others of that moment, or along with the next."""
        self._waiting.append(line)
        if len(self._waiting) > self.MOST_WAITING:
            with self._writing:
                pass  # until whoever reads them does, as with any handler
        if self._clerk is None:
            self._hire()
        if not self._is_due.is_set():
            self._is_due.set()

    def add(self, line: str) -> None:
        """Write a line that is formatted."""
        try:
            self._waiting.append(line)
            self._write()
        except Exception:
            self.handleError(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        self._write()
        clerk, self._clerk = self._clerk, None
        if clerk is not None:
            self._is_due.set()  # and it finds that it is needed no more
        super().close()

    def _hire(self) -> None:
        with self._hiring:
            if self._clerk is None:
                self._clerk = threading.Thread(
                    target=self._write_late, name="log-lines", daemon=True
                )
                try:
                    self._clerk.start()
                except RuntimeError:  # no more threads: the line is written along with the next
                    self._clerk = None

    def _write_late(self) -> None:
        me = threading.current_thread()
        while self._clerk is me:
            self._is_due.wait()
            time.sleep(LATE_SECONDS)
            self._is_due.clear()
            try:
                self._write()
            except Exception:
                # A full disk, say. The clerk has to be there when there is room again.
                self.handleError(logging.makeLogRecord({"msg": "lines that were to be written"}))

    def _write(self) -> None:
        for _ in range(self.MOST):
            # Looked at again after letting go: a line may have come just then.
            if not self._waiting or not self._writing.acquire(blocking=False):
                return
            try:
                lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
                text = "\n".join(lines)
                if _file is not None:
                    _to_file(_file, text)
                self.stream.write(text + self.terminator)
                self.stream.flush()
            finally:
                self._writing.release()

    def forked(self) -> None:
        """In a child: what waits is its parent's, and no other thread is here."""
        self._waiting.clear()
        self._writing, self._hiring = threading.Lock(), threading.Lock()
        self._is_due, self._clerk = threading.Event(), None


def _forked() -> None:
    for lines in list(_all_lines):
        lines.forked()


os.register_at_fork(after_in_child=_forked)
_file: SharedFile | None = None
_full = False


def _to_file(file: SharedFile, line: str) -> None:
    """Append; a file that cannot be written is no reason to fail: say so once, on the console."""
    global _full
    try:
        file.write(line)
        _full = False
    except OSError as error:
        if not _full:
            print(f"bookstore: cannot write {file.path}: {error.strerror}", file=sys.stderr)  # noqa: T201
        _full = True


def soon(logger: logging.Logger, message: str, **numbers: float | None) -> bool:
    """Write at INFO what ``logger.info(message, extra=numbers)`` would, for far less and a moment
    later; a process that is killed in that moment has not written it.

    Returns:
        False, and nothing is written: there is more to it than one line of JSON.
    """
    lines = _only(logger)
    if lines is None:
        return False
    lines.add_soon(_line(logger, message, numbers))
    return True


def at_once(logger: logging.Logger, message: str, **numbers: float | None) -> bool:
    """As ``soon``, but now."""
    lines = _only(logger)
    if lines is None:
        return False
    lines.add(_line(logger, message, numbers))
    return True


def _line(logger: logging.Logger, message: str, numbers: dict[str, float | None]) -> str:
    line = {
        "time": now(),
        "level": "INFO",
        "logger": logger.name,
        "message": _scrubbed(message),
        "request_id": request_id.get(),
        **numbers,
    }
    return orjson.dumps(line).decode()


# Most are lines about the same few addresses.
_scrubbed = lru_cache(maxsize=1024)(scrub)


def _only(logger: logging.Logger) -> _Lines | None:
    """Return our handler, if it writes JSON and no other would see a logger's line at INFO."""
    if trace_id.get() or not logger.isEnabledFor(logging.INFO) or logger.filters:
        return None
    found: _Lines | None = None
    one: logging.Logger | None = logger
    while one is not None:
        for handler in one.handlers:
            if handler.level > logging.INFO:
                continue
            if found is not None or type(handler) is not _Lines:
                return None
            found = handler
        one = one.parent if one.propagate else None
    return found if found is not None and type(found.formatter) is JsonFormatter else None


def also_to(path: Path | None) -> None:
    """Write lines to this file too from now on, whatever ``configure`` says later; None: not."""
    global _file
    if _file is not None:
        _file.close()
    _file = None if path is None else SharedFile(path)


def configure(*, level: str, json_lines: bool) -> None:
    """Send every logger to stderr in one format; safe to call again (the last call wins)."""
    handler = _Lines(sys.stderr)
    handler.setFormatter(JsonFormatter() if json_lines else TextFormatter())
    handler.addFilter(_RequestId())
    root = logging.getLogger()
    for old in [h for h in root.handlers if getattr(h, "_bookstore", False)]:
        root.removeHandler(old)
        old.close()
    handler._bookstore = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    # DEBUG is for our own: at that level libraries write rows, headers and bodies of everybody.
    root.setLevel("INFO" if level == "DEBUG" else level)
    logging.getLogger("bookstore").setLevel("DEBUG" if level == "DEBUG" else "NOTSET")
    # Alembic narrates every start otherwise.
    logging.getLogger("alembic").setLevel(logging.WARNING)
