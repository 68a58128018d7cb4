"""Log lines: one a record, JSON that parses, the request id in each."""

import errno
import gc
import io
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bookstore import log_formats, logs
from tests.clients import wait_until


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.getLogger("x").makeRecord(
        "bookstore.test", logging.INFO, "f", 1, message, args, None, extra=extra
    )
    made.request_id = "abc"
    return made


def test_json_is_one_line_with_the_extras() -> None:
    line = log_formats.JsonFormatter().format(record("two\nlines of %s", "text", status=200))
    assert "\n" not in line
    found = json.loads(line)
    assert found["message"] == "two\nlines of text"
    assert (found["status"], found["request_id"], found["level"]) == (200, "abc", "INFO")
    assert found["time"].endswith("Z")


def test_text_names_the_extras() -> None:
    assert "hello status=200 [abc]" in log_formats.TextFormatter().format(
        record("hello", status=200)
    )


@pytest.mark.parametrize("formatter", [log_formats.JsonFormatter(), log_formats.TextFormatter()])
def test_exceptions_are_whole(formatter: logging.Formatter) -> None:
    made = record("failed")
    try:
        raise KeyError("why")
    except KeyError as error:
        made.exc_info = (KeyError, error, error.__traceback__)
    assert "KeyError: 'why'" in formatter.format(made)


def test_no_line_of_many_threads_is_lost_or_torn() -> None:
    stream = SlowStream()
    handler = logs._Lines(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))

    def write(thread: int) -> None:
        for n in range(200):
            handler.handle(record("line %d of %d", n, thread))

    threads = [threading.Thread(target=write, args=[n]) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    handler.flush()  # as at the end of the process
    lines = "".join(stream.texts).splitlines()
    assert sorted(lines) == sorted(f"line {n} of {m}" for n in range(200) for m in range(8))
    for m in range(8):  # each thread's in their order
        own = [line for line in lines if line.endswith(f" of {m}")]
        assert own == [f"line {n} of {m}" for n in range(200)]
    assert stream.most == 1


class SlowStream(io.StringIO):
    """Lets other threads run in the middle of each write; ``most`` is how many wrote at once."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.inside = self.most = 0

    def write(self, text: str) -> int:
        self.inside += 1
        self.most = max(self.most, self.inside)
        os.sched_yield()
        self.texts.append(text)
        self.inside -= 1
        return len(text)


@contextmanager
def alone() -> Iterator[logging.Logger]:
    """Have a logger whose lines our handler alone sees, as it is in a server."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    logs.configure(level="INFO", json_lines=True)
    try:
        yield logging.getLogger("bookstore.access")
    finally:
        for one in root.handlers:
            one.close()
        root.handlers[:] = handlers
        root.setLevel(level)


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize("write", [logs.soon, logs.at_once])
def test_what_is_written_soon_is_what_would_be_written(
    write: Callable[..., bool], capsys: pytest.CaptureFixture[str]
) -> None:
    with alone() as access:
        token = logs.request_id.set("an-id")
        mail, given = "GET /api/v2/books?q=ann@example.com\n\u20ac", {"status": 200, "ms": 0.1}
        try:
            access.info("%s", mail, extra={**given, "bytes": None})
            assert write(access, mail, **given, bytes=None)
            access.info("behind it")
        finally:
            logs.request_id.reset(token)
        slow, fast, last = _lines(capsys)
        assert list(slow) == list(fast)
        slow.pop("time"), fast.pop("time")
        assert slow == fast
        assert "ann@example.com" not in str(fast["message"])
        assert last["message"] == "behind it"


def test_what_is_written_soon_is_not_forgotten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with alone() as access:
        seen: list[dict[str, object]] = []
        for n in range(3):
            assert logs.soon(access, f"line {n}", status=200)
            wait_until(lambda n=n: bool(seen.extend(_lines(capsys)) or len(seen) == n + 1))
        assert logs.soon(access, "the last", status=200)
        logs.configure(level="INFO", json_lines=True)
        assert _lines(capsys)[-1]["message"] == "the last"


def test_what_is_written_at_once_is_there_then(capsys: pytest.CaptureFixture[str]) -> None:
    with alone() as access:
        assert logs.soon(access, "before it", status=200)
        assert logs.at_once(access, "now", status=200)
        assert [line["message"] for line in _lines(capsys)] == ["before it", "now"]


class Full(io.StringIO):
    """A stream that has no room at first."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        if self.writes == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_lines_are_written_again_once_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    with alone() as access:
        monkeypatch.setattr(logging, "raiseExceptions", False)
        [lines] = [one for one in logging.getLogger().handlers if hasattr(one, "_bookstore")]
        assert isinstance(lines, logging.StreamHandler)
        full = Full()
        lines.setStream(full)
        assert logs.soon(access, "lost", status=200)
        wait_until(lambda: full.writes == 1)
        assert logs.soon(access, "written", status=200)
        wait_until(lambda: '"message":"written"' in full.getvalue())


def test_a_line_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with alone() as access:
        monkeypatch.setattr(logging, "raiseExceptions", False)
        closed = io.StringIO()
        closed.close()
        [lines] = [one for one in logging.getLogger().handlers if hasattr(one, "_bookstore")]
        assert isinstance(lines, logging.StreamHandler)
        lines.setStream(closed)
        assert logs.at_once(access, "lost", status=200)


def test_whoever_else_wants_to_see_a_line_does() -> None:
    with alone() as access:
        other = logging.NullHandler()
        for logger in (access, logging.getLogger("bookstore"), logging.getLogger()):
            logger.addHandler(other)
            assert not logs.soon(access, "line")
            logger.removeHandler(other)
        access.filters.append(lambda _record: False)
        assert not logs.soon(access, "line")
        access.filters.clear()
        token = logs.trace_id.set("0af7651916cd43dd8448eb211c80319c")
        assert not logs.soon(access, "line")
        logs.trace_id.reset(token)
        faults = logging.NullHandler(logging.ERROR)
        logging.getLogger().addHandler(faults)
        assert logs.soon(access, "line")
        logs.configure(level="WARNING", json_lines=True)
        assert not logs.soon(access, "line")
        logs.configure(level="INFO", json_lines=False)
        assert not logs.soon(access, "line")


def test_a_child_writes_nothing_of_its_parents() -> None:
    with alone() as access:
        lines = logs._only(access)
        assert lines is not None
        lines._waiting.append("the parent's")
        child = os.fork()
        if child == 0:
            is_its_own = not lines._waiting and lines._clerk is None
            os._exit(0 if is_its_own else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert list(lines._waiting) == ["the parent's"]


def test_handlers_that_are_gone_leave_nothing_behind() -> None:
    with alone():
        gc.collect()
        before = len(logs._all_lines)
        for _ in range(20):
            logs.configure(level="INFO", json_lines=True)
        gc.collect()
        assert len(logs._all_lines) == before
