"""How a line of the log looks: JSON for machines, text for people."""

import logging
from typing import Any

import orjson

from bookstore import clock
from bookstore.scrubbing import scrub

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id"}


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {
        key: scrub(value) if isinstance(value, str) else value
        for key, value in vars(record).items()
        if key not in _STANDARD
    }


def now() -> str:
    """Return the present moment as lines have it."""
    return clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(value: object) -> str:
    # A path is what a stranger sends: with a newline in it, it would write lines of its own, and
    # with an escape it would speak to the terminal.
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value)
    )


class JsonFormatter(logging.Formatter):
    """Format a record as one JSON object: time, level, logger, message, request_id, extras."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line (no newline inside: JSON escapes them)."""
        line = {
            "time": now(),
            "level": record.levelname,
            "logger": record.name,
            "message": scrub(record.getMessage()),
            "request_id": vars(record).get("request_id", "-"),
            **_extras(record),
        }
        if record.exc_info:
            line["exception"] = scrub(self.formatException(record.exc_info))
        return orjson.dumps(line, default=str).decode()


class TextFormatter(logging.Formatter):
    """Format a record for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``HH:MM:SS level logger message key=value… [request id]``."""
        extras = "".join(f" {key}={_shown(value)}" for key, value in _extras(record).items())
        line = (
            f"{clock.now():%H:%M:%S} {record.levelname.lower():7} {record.name}: "
            f"{_shown(scrub(record.getMessage()))}{extras} [{vars(record).get('request_id', '-')}]"
        )
        if record.exc_info:
            line += "\n" + scrub(self.formatException(record.exc_info))
        return line
