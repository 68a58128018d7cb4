"""Days of a filter as the instants that services are given."""

from datetime import UTC, datetime, time, timedelta
from typing import Any


def as_instants(filters: dict[str, Any]) -> dict[str, Any]:
    """Return filters with ``since`` and ``until`` in place of ``start`` and ``end``, days in UTC of
    which both belong to it."""
    found = dict(filters)
    start, end = found.pop("start", None), found.pop("end", None)
    if start is not None:
        found["since"] = datetime.combine(start, time(), UTC)
    if end is not None:
        found["until"] = datetime.combine(end + timedelta(days=1), time(), UTC)
    return found
