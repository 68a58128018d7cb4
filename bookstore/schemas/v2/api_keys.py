"""API keys on the wire."""

from marshmallow import fields, validate

from bookstore.models.api_keys import SCOPES
from bookstore.schemas.common import Id, Instant, Schema, Text, Whole

_WEEK = 7 * 24 * 3600


class ApiKeyInput(Schema):
    """A key to make."""

    name = Text(
        required=True,
        strip=True,
        min_length=1,
        max_length=100,
        metadata={"description": "For people: what it is for.", "example": "warehouse"},
    )
    scopes = fields.List(
        Text(validate=validate.OneOf(SCOPES)),
        required=True,
        validate=validate.Length(min=1, max=len(SCOPES)),
        metadata={
            "description": "What it may do of what you may. `catalog:write`, `webhooks` and "
            "`reports` are for staff alone."
        },
    )
    expires_at = Instant(
        load_default=None,
        allow_none=True,
        metadata={"description": "From when on it is no longer good; null: never."},
    )


class ApiKeySchema(Schema):
    """A key; its secret is not shown again."""

    id = Id()
    name = fields.String()
    prefix = fields.String(
        metadata={"description": "How the key begins: no secret.", "example": "bk_9hXr2TqL"}
    )
    scopes = fields.List(fields.String())
    is_service = fields.Boolean(
        metadata={"description": "Of a program of the shop's own, without a rate limit."}
    )
    created_at = Instant()
    expires_at = Instant(allow_none=True)
    last_used_at = Instant(allow_none=True, metadata={"description": "To the minute."})


class HeldApiKeySchema(ApiKeySchema):
    """A key as an export of one's data has it."""

    revoked_at = Instant(allow_none=True)


class ShownApiKeySchema(ApiKeySchema):
    """A key with its text, which is shown this once."""

    key = fields.String(
        metadata={
            "description": "Send it as `X-API-Key`.",
            "example": "bk_9hXr2TqL_4f1nH0sV7kQzR2mWc8Y…",
        }
    )


class ApiKeysSchema(Schema):
    """One's keys, newest first."""

    data = fields.List(fields.Nested(ApiKeySchema))


class RotationInput(Schema):
    """How a key gets a new secret."""

    grace_seconds = Whole(
        0,
        _WEEK,
        load_default=0,
        metadata={"description": "For how long the old secret is good as well; 0: not at all."},
    )
    expires_at = Instant(
        load_default=None,
        allow_none=True,
        metadata={"description": "A new end; without one the key keeps its own."},
    )
