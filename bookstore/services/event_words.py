"""How an event is worded: its bytes, and the notice that people get of it."""

from datetime import datetime
from typing import Any

import orjson

from bookstore.services.event_types import API_VERSION, EventType


def envelope(
    public_id: str, kind: EventType, sequence: int, at: datetime, data: dict[str, Any]
) -> bytes:
    """Return the bytes of an event: what is stored, signed and sent."""
    return orjson.dumps(
        {
            "id": public_id,
            "type": kind.name,
            "event_type": kind.name,
            "api_version": API_VERSION,
            "timestamp": rfc3339(at),
            "sequence": sequence,
            "data": data,
        }
    )


def rfc3339(at: datetime) -> str:
    """Return an instant as the API writes it: UTC, with ``Z``."""
    return at.isoformat().replace("+00:00", "Z")


def notification_message(
    notification_id: int, title: str, message: str, data: dict[str, Any], at: datetime
) -> bytes:
    """Return what a socket is sent about a notification."""
    body = {
        "id": notification_id,
        "title": title,
        "message": message,
        "data": data,
        "at": rfc3339(at),
    }
    return orjson.dumps({"type": "notification", "notification": body})


def notice(kind: EventType, data: dict[str, Any]) -> tuple[str, str]:
    """Return the title and text of a notification or push message about an event.

    Raises:
        ValueError: nobody is notified of events of this type.
    """
    if kind.notice is None:
        raise ValueError(f"no notice for {kind.name}")
    shown = {**data, "currency": str(data.get("currency", "")).upper()}
    shown["tracking_number"] = data.get("tracking_number") or "none given"
    title, message = kind.notice
    return title.format(**shown), message.format(**shown)
