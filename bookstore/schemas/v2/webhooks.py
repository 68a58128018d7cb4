"""Webhooks and events on the wire."""

from typing import Any

from marshmallow import fields, validate

from bookstore.schemas.common import Flag, Id, Instant, PageQuery, QueryWhole, Schema, Text

DELIVERY_STATUSES = ("pending", "succeeded", "failed", "held")
REPLAYABLE = ("failed", "succeeded", "all")
_PATTERNS = "Event types; `order.*` stands for a family, `*` for all."


def _pattern(**kwargs: Any) -> Text:
    return Text(min_length=1, max_length=60, **kwargs)


class EndpointInput(Schema):
    """A receiver of events."""

    url = Text(
        required=True,
        max_length=2000,
        metadata={
            "description": "Where to POST: http(s), no user name, no private address.",
            "example": "https://example.com/hooks",
            "format": "uri",
        },
    )
    events = fields.List(
        _pattern(),
        required=True,
        validate=validate.Length(min=1, max=100),
        metadata={"description": _PATTERNS, "example": ["order.*", "book.low_stock"]},
    )
    description = Text(max_length=500, load_default="", strip=True)
    is_active = Flag(
        load_default=True, metadata={"description": "Deliveries to an inactive one are held."}
    )


class EndpointSchema(Schema):
    """A receiver of events. Its secret is only shown when it is made or rotated."""

    id = Id()
    url = fields.String()
    description = fields.String()
    events = fields.List(fields.String())
    is_active = fields.Boolean()
    disabled_reason = fields.String(
        allow_none=True,
        validate=validate.OneOf(["by_hand", "failing", "gone"]),
        metadata={"description": "failing: for days; gone: it answered 410."},
    )
    disabled_at = Instant(allow_none=True)
    failing_since = Instant(
        allow_none=True, metadata={"description": "null once a delivery has succeeded."}
    )
    circuit = fields.String(
        validate=validate.OneOf(["closed", "open", "half_open"]),
        metadata={"description": "open: paused after failures; half_open: one is tried next."},
    )
    previous_secret_until = Instant(
        attribute="previous_until",
        allow_none=True,
        metadata={"description": "Until then the secret before the newest also signs."},
    )
    created_at = Instant()
    updated_at = Instant()


class EndpointSecretSchema(EndpointSchema):
    """An endpoint with its new secret, which is shown this once."""

    secret = fields.String(metadata={"example": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})


class DeliveredEventSchema(Schema):
    """The event of a delivery; `GET /events/{id}` has all of it."""

    id = fields.String(attribute="public_id", metadata={"description": "`webhook-id`."})
    type = fields.String()
    sequence = fields.Integer()
    timestamp = Instant(attribute="created_at")


class DeliverySchema(Schema):
    """One event on its way to one endpoint."""

    id = Id()
    event = fields.Nested(DeliveredEventSchema)
    endpoint_id = Id()
    status = fields.String(
        attribute="state",
        validate=validate.OneOf(DELIVERY_STATUSES),
        metadata={"description": "held: pending while the endpoint is disabled."},
    )
    attempt_count = fields.Integer(
        attribute="attempts", metadata={"description": "Since it was last sent again by hand."}
    )
    next_attempt_at = Instant(
        attribute="due_at", allow_none=True, metadata={"description": "null unless pending."}
    )
    last_error = fields.String(allow_none=True)
    created_at = Instant()
    finished_at = Instant(allow_none=True)


class AttemptSchema(Schema):
    """One attempt; `response` is the first KiB of the answer."""

    at = Instant()
    status_code = fields.Integer(allow_none=True)
    error = fields.String(allow_none=True)
    duration_ms = fields.Integer()
    response = fields.String()


class DeliveryWithAttemptsSchema(DeliverySchema):
    """A delivery and every attempt at it, oldest first."""

    attempts = fields.List(fields.Nested(AttemptSchema), attribute="log")


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    status = Text(validate=validate.OneOf(DELIVERY_STATUSES))
    event_type = _pattern(metadata={"description": "A type, or `order.*`."})


class ReplayInput(Schema):
    """Which deliveries to send again: by when the event happened."""

    since = Instant(required=True, metadata={"example": "2026-01-02T00:00:00Z"})
    until = Instant(metadata={"description": "Up to and without this instant."})
    status = Text(
        load_default="failed",
        validate=validate.OneOf(REPLAYABLE),
        metadata={"description": "all: failed and succeeded."},
    )
    event_types = fields.List(
        _pattern(),
        validate=validate.Length(min=1, max=100),
        metadata={"description": _PATTERNS},
    )
    dry_run = Flag(load_default=False, metadata={"description": "Only count."})


class ReplaySchema(Schema):
    """How many deliveries are sent again, or would be."""

    count = fields.Integer()
    dry_run = fields.Boolean()


class EventTypeSchema(Schema):
    """One type of event."""

    name = fields.String()
    description = fields.String()
    schema = fields.Dict(metadata={"description": "JSON Schema (2020-12) of a whole event."})
    example = fields.Dict()


class EventTypesSchema(Schema):
    """Every type of event there is."""

    data = fields.List(fields.Nested(EventTypeSchema))


class EventQuery(Schema):
    """Which events."""

    after = Text(
        max_length=40, metadata={"description": "Id of the last event known; none: the first."}
    )
    limit = QueryWhole(1, 100, load_default=20, metadata={"description": "How many at most."})
    type = _pattern(metadata={"description": "A type, or `order.*`."})


class EventSchema(Schema):
    """An event, as it is sent to endpoints; `data` follows the schema of its type."""

    id = fields.String()
    type = fields.String()
    event_type = fields.String(metadata={"description": "As `type`."})
    api_version = fields.String()
    timestamp = Instant()
    sequence = fields.Integer(
        metadata={"description": "Counts the events of one order, book …, from 1."}
    )
    data = fields.Dict()


class EventsSchema(Schema):
    """Events, oldest first."""

    data = fields.List(fields.Nested(EventSchema))
    has_more = fields.Boolean()
    next_after = fields.String(
        allow_none=True, metadata={"description": "Send as `after` to go on, also later."}
    )
