"""The ``webhooks`` part of the OpenAPI document: what receivers get, one entry an event type."""

from typing import Any

from bookstore.services.event_types import TYPES, EventType, envelope_example, envelope_schema

_HEADERS = {
    "webhook-id": "The event's id, the same on every attempt: seen before, it is a repetition.",
    "webhook-timestamp": "Of this attempt, in seconds since 1970.",
    "webhook-signature": "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body` (Standard "
    "Webhooks); two of them, with a space between, while a secret is being replaced.",
    "X-Webhook-Event": "The type.",
    "X-Webhook-Signature": "Hex HMAC-SHA256 of the body, keyed with the whole secret string.",
}
_ANSWERS = {
    "2XX": "Received. Answer within 15 s; any content is ignored.",
    "410": "Gone: the endpoint is disabled.",
    "429": "Not now: tried again after `Retry-After`, up to 24 h.",
    "503": "Not now: tried again after `Retry-After`, up to 24 h.",
    "default": "Anything else, redirects too, is a failure: tried again, ten times in all.",
}


def describe() -> dict[str, Any]:
    """Return the ``webhooks`` member of the document."""
    return {name: {"post": _operation(kind)} for name, kind in TYPES.items()}


def _operation(kind: EventType) -> dict[str, Any]:
    body = {"schema": envelope_schema(kind), "example": envelope_example(kind)}
    return {
        "operationId": f"on_{kind.name.replace('.', '_')}",
        "summary": kind.description,
        "tags": ["webhooks"],
        # Signed instead.
        "security": [],
        "parameters": [
            {
                "in": "header",
                "name": name,
                "required": True,
                "schema": {"type": "string"},
                "description": text,
            }
            for name, text in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {status: {"description": text} for status, text in _ANSWERS.items()},
    }
