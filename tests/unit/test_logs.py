"""Log lines: one a record, JSON that parses, the request id in each."""

import json
import logging

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
