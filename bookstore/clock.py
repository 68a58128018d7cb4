"""The only reader of time, so that tests and tools have one place to look."""

from datetime import UTC, date, datetime


def now() -> datetime:
    """Return the current instant as an aware datetime in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return the current date in UTC."""
    return now().date()
