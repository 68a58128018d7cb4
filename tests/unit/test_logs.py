"""Log lines: one a record, JSON that parses, the request id in each."""

import io
import json
import logging
import os
import threading

import pytest

from bookstore import logs


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.getLogger("x").makeRecord(
        "bookstore.test", logging.INFO, "f", 1, message, args, None, extra=extra
    )
    made.request_id = "abc"
    return made


def test_json_is_one_line_with_the_extras() -> None:
    line = logs.JsonFormatter().format(record("two\nlines of %s", "text", status=200))
    assert "\n" not in line
    found = json.loads(line)
    assert found["message"] == "two\nlines of text"
    assert (found["status"], found["request_id"], found["level"]) == (200, "abc", "INFO")
    assert found["time"].endswith("Z")


def test_text_names_the_extras() -> None:
    assert "hello status=200 [abc]" in logs.TextFormatter().format(record("hello", status=200))


@pytest.mark.parametrize("formatter", [logs.JsonFormatter(), logs.TextFormatter()])
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
