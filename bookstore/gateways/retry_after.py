"""Retry-After of an answer (RFC 9110 10.2.3): seconds, or a date."""

from datetime import UTC
from email.utils import parsedate_to_datetime

from bookstore import clock


def seconds(header: str | None) -> float | None:
    """Return how many seconds to wait (never below 0); None without a header that makes sense."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year or an offset past all calendars
        return None
    # RFC 5322's "-0000" is UTC too, but naive to Python.
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(0.0, (at - clock.now()).total_seconds())
