"""The catalogue of events: what can happen, and what is told of it.

``data`` of each type follows its JSON Schema (draft 2020-12); fields may be added to a type,
never taken away or changed. Amounts are decimal strings, instants RFC 3339 in UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

API_VERSION = "v2"

_ID = {"type": "integer", "minimum": 1}
_TEXT = {"type": "string"}
_AMOUNT = {"type": "string", "pattern": r"^\d+(\.\d+)?$"}
_CURRENCY = {"type": "string", "pattern": "^[a-z]{3}$"}
_MAYBE = {"type": ["string", "null"]}


@dataclass(frozen=True, slots=True)
class EventType:
    """One type: ``schema`` and ``example`` are of its ``data``.

    ``mail`` names the template of the mail that the user concerned gets, ``notice`` the title
    and text of the notification and push message (``str.format`` over ``data``).
    """

    name: str
    description: str
    schema: dict[str, Any]
    example: dict[str, Any]
    mail: str | None = None
    notice: tuple[str, str] | None = None

    @property
    def aggregate(self) -> str:
        """What it happens to: ``order`` of ``order.created``."""
        return "endpoint" if self.name == "ping" else self.name.partition(".")[0]

    @property
    def family(self) -> str:
        """The subscription to all of its kind: ``order.*`` of ``order.created``; an event without
        others of its kind has itself."""
        family, dot, _ = self.name.partition(".")
        return f"{family}.*" if dot else family


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


_ORDER = {
    "order_id": _ID,
    "number": _TEXT,
    "user_id": _ID,
    "status": {"enum": ["pending", "processing", "shipped", "delivered", "cancelled"]},
    "payment_status": _TEXT,
    "total_amount": _AMOUNT,
    "currency": _CURRENCY,
    "tracking_number": _MAYBE,
    "version": {"type": "integer", "minimum": 1},
}
_ORDER_EXAMPLE = {
    "order_id": 1042,
    "number": "26-7K3QF-9XW2M",
    "user_id": 7,
    "status": "pending",
    "payment_status": "unpaid",
    "total_amount": "34.97",
    "currency": "usd",
    "tracking_number": None,
    "version": 1,
}
_BOOK = {
    "book_id": _ID,
    "title": _TEXT,
    "isbn": _MAYBE,
    "status": _TEXT,
    "price": _AMOUNT,
    "currency": _CURRENCY,
    "stock": {"type": "integer", "minimum": 0},
    "version": {"type": "integer", "minimum": 1},
}
_BOOK_EXAMPLE = {
    "book_id": 12,
    "title": "The Left Hand of Darkness",
    "isbn": "9780441478125",
    "status": "available",
    "price": "9.99",
    "currency": "usd",
    "stock": 14,
    "version": 1,
}


def _order(
    name: str,
    description: str,
    notice: tuple[str, str],
    *,
    mail: str | None = None,
    more: dict[str, Any] | None = None,
    **example: Any,
) -> EventType:
    schema = _object({**_ORDER, **(more or {})})
    return EventType(name, description, schema, {**_ORDER_EXAMPLE, **example}, mail, notice)


_ALL = (
    _order(
        "order.created",
        "An order was placed: prices are locked and its copies taken from stock.",
        ("Order {number} received", "Thank you! We have your order of {total_amount} {currency}."),
        mail="order_confirmation",
    ),
    _order(
        "order.paid",
        "An order was paid in full.",
        ("Payment received", "Order {number} is paid: {total_amount} {currency}."),
        payment_status="paid",
        version=2,
    ),
    _order(
        "order.processing",
        "An order is being picked and packed.",
        ("Order {number} is being packed", "We are putting your books together."),
        status="processing",
        version=2,
    ),
    _order(
        "order.shipped",
        "An order was handed to the carrier.",
        ("Order {number} is on its way", "Tracking number: {tracking_number}."),
        mail="order_shipped",
        status="shipped",
        tracking_number="TRACK-0001",
        version=3,
    ),
    _order(
        "order.delivered",
        "An order has arrived.",
        ("Order {number} has arrived", "Enjoy your books!"),
        status="delivered",
        tracking_number="TRACK-0001",
        version=4,
    ),
    _order(
        "order.cancelled",
        "An order was cancelled; its copies are back on sale.",
        ("Order {number} is cancelled", "Nothing will be sent."),
        mail="order_cancelled",
        status="cancelled",
        version=2,
    ),
    _order(
        "order.refunded",
        "An order's payment was given back, in part or in full; `refunded_amount` is this refund.",
        ("Refund for order {number}", "We have sent back {refunded_amount} {currency}."),
        mail="order_refunded",
        more={"refunded_amount": _AMOUNT},
        refunded_amount="34.97",
        status="cancelled",
        payment_status="refunded",
        version=3,
    ),
    _order(
        "payment.failed",
        "An attempt to pay an order failed; it may be tried again.",
        ("Payment failed", "The payment of order {number} failed. Please try again."),
        more={"reason": _TEXT},
        reason="card_declined",
        payment_status="failed",
        version=2,
    ),
    EventType(
        "review.posted",
        "A reader reviewed a book.",
        _object(
            {
                "review_id": _ID,
                "book_id": _ID,
                "user_id": _ID,
                "rating": {"type": "integer", "minimum": 1, "maximum": 5},
            }
        ),
        {"review_id": 88, "book_id": 12, "user_id": 7, "rating": 5},
    ),
    EventType("book.created", "A book was put on sale.", _object(_BOOK), _BOOK_EXAMPLE),
    EventType(
        "book.updated",
        "A book's record was changed (sales alone do not count).",
        _object({**_BOOK, "changed": {"type": "array", "items": _TEXT}}),
        {**_BOOK_EXAMPLE, "price": "8.99", "version": 2, "changed": ["price"]},
    ),
    EventType(
        "book.low_stock",
        "A book's stock fell to `threshold` copies or fewer, or ran out.",
        _object(
            {
                "book_id": _ID,
                "title": _TEXT,
                "stock": {"type": "integer", "minimum": 0},
                "threshold": {"type": "integer", "minimum": 0},
            }
        ),
        {"book_id": 12, "title": "The Left Hand of Darkness", "stock": 5, "threshold": 5},
    ),
    EventType(
        "webhook.endpoint_disabled",
        "An endpoint was switched off because it failed for days, or answered 410 Gone.",
        _object(
            {
                "endpoint_id": _ID,
                "url": {**_TEXT, "description": "Its scheme, host and port; no path, no query."},
                "reason": {"enum": ["failing", "gone"]},
                "failing_since": _MAYBE,
            }
        ),
        {
            "endpoint_id": 3,
            "url": "https://example.com",
            "reason": "failing",
            "failing_since": "2026-01-02T03:04:05Z",
        },
    ),
    EventType(
        "ping",
        "A test, sent to one endpoint when its owner asks.",
        _object({"endpoint_id": _ID}),
        {"endpoint_id": 3},
    ),
)
TYPES: dict[str, EventType] = {kind.name: kind for kind in _ALL}


def patterns_for(event_type: str) -> list[str]:
    """Return the subscriptions that an event of this type matches."""
    family, dot, _ = event_type.partition(".")
    return ["*", event_type, *([f"{family}.*"] if dot else [])]


def patterns() -> list[str]:
    """Return every pattern that an endpoint may subscribe to."""
    families = {name.partition(".")[0] for name in TYPES if "." in name}
    return ["*", *sorted(f"{family}.*" for family in families), *TYPES]


def types_of(wanted: Sequence[str]) -> list[str]:
    """Return the types that any of these patterns matches; none for an unknown pattern."""
    return [name for name in TYPES if not set(patterns_for(name)).isdisjoint(wanted)]


def envelope_schema(kind: EventType) -> dict[str, Any]:
    """Return the JSON Schema of a whole event of this type, as it is stored and sent."""
    return _object(
        {
            "id": {"type": "string", "pattern": "^evt_[0-9a-f]{32}$"},
            "type": {"const": kind.name},
            "event_type": {"const": kind.name},
            "api_version": _TEXT,
            "timestamp": {"type": "string", "format": "date-time"},
            "sequence": {"type": "integer", "minimum": 1},
            "data": kind.schema,
        }
    )


def envelope_example(kind: EventType) -> dict[str, Any]:
    """Return an example of a whole event of this type."""
    return {
        "id": "evt_0b9d7c1e5f2a4863b1d0c7e8f9a2b3c4",
        "type": kind.name,
        "event_type": kind.name,
        "api_version": API_VERSION,
        "timestamp": "2026-01-02T03:04:05.678901Z",
        "sequence": kind.example.get("version", 1),
        "data": kind.example,
    }
