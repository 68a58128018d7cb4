"""The audit log on the wire."""

from marshmallow import fields

from bookstore.schemas.common import Id, Instant, PageQuery, Schema, Text


class TargetSchema(Schema):
    """What an entry is about."""

    kind = fields.String(metadata={"example": "order"})
    id = fields.String(
        allow_none=True, metadata={"description": "null when there are many.", "example": "5"}
    )


class AuditEntrySchema(Schema):
    """One thing that staff did."""

    id = Id()
    at = Instant()
    actor = fields.String(
        metadata={"description": "`staff:<user id>`, or `system` for commands and the shell."}
    )
    user_id = Id(allow_none=True)
    key_id = Id(allow_none=True, metadata={"description": "Of the API key that was used."})
    action = fields.String(metadata={"example": "coupons.create_coupon"})
    target = fields.Nested(TargetSchema, allow_none=True)
    request_id = fields.String()
    address = fields.String(allow_none=True)
    detail = fields.Dict(
        metadata={
            "description": "`fields`, the names of what was sent, and the values of a few of them. "
            "No personal data."
        }
    )


class AuditQuery(PageQuery):
    """Which entries."""

    actor = Text(
        max_length=100, metadata={"description": "Only what they did.", "example": "staff:2"}
    )
    action = Text(
        max_length=100, metadata={"description": "Only this one.", "example": "orders.advance"}
    )
    target = Text(
        max_length=110, metadata={"description": "A kind, or one thing.", "example": "order:5"}
    )
    since = Instant(metadata={"description": "From this instant on."})
    until = Instant(metadata={"description": "Up to and without this instant."})
