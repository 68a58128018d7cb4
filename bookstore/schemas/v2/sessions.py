"""One's logins on the wire."""

from marshmallow import fields

from bookstore.schemas.common import Instant, Schema


class SessionSchema(Schema):
    """A login that still stands."""

    id = fields.String()
    created_at = Instant()
    last_used_at = Instant(
        metadata={"description": "When its refresh token was last exchanged, or it was made."}
    )
    expires_at = Instant()
    user_agent = fields.String(
        metadata={"description": "What the program that logged in calls itself, cut to 200."}
    )
    address = fields.String(
        allow_none=True, metadata={"description": "The network address it came from."}
    )
    current = fields.Boolean(metadata={"description": "Whether it is the one that asks."})


class HeldSessionSchema(SessionSchema):
    """A login that is on record, whether it still stands or not."""

    revoked_at = Instant(allow_none=True, metadata={"description": "When it was ended, if it was."})


class SessionsSchema(Schema):
    """One's logins, newest first."""

    data = fields.List(fields.Nested(SessionSchema))
