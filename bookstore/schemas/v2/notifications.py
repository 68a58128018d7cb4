"""Notifications, devices and preferences on the wire."""

from marshmallow import fields, validate

from bookstore.schemas.common import SOMETIMES, Flag, Id, Instant, PageQuery, Schema, Text

PLATFORMS = ("android", "ios", "web")


class NotificationQuery(PageQuery):
    """Which notifications."""

    unread = Flag(load_default=False, metadata={"description": "Only those not read yet."})


class NotificationSchema(Schema):
    """A line in the inbox."""

    id = Id()
    title = fields.String()
    message = fields.String()
    data = fields.Dict(
        metadata={"description": "`event_type` and the event's `data`, see /webhooks/event-types."}
    )
    at = Instant(attribute="created_at")
    read_at = Instant(allow_none=True)


class InboxSchema(Schema):
    """A page of the inbox."""

    data = fields.List(fields.Nested(NotificationSchema), required=True)
    unread = fields.Integer(
        required=True, metadata={"description": "How many are unread, on all pages."}
    )
    next_cursor = fields.String(
        required=True, allow_none=True, metadata={"description": "null on the last page."}
    )
    total = fields.Integer(metadata={"description": "With count=true.", **SOMETIMES})


class DeviceInput(Schema):
    """A device that takes push messages."""

    token = Text(
        required=True,
        max_length=512,
        validate=validate.Regexp(r"^[!-~]+\Z", error="Printable ASCII without spaces."),
        load_only=True,
        metadata={"description": "What Firebase gave the app."},
    )
    platform = Text(required=True, validate=validate.OneOf(PLATFORMS))


class DeviceSchema(Schema):
    """A registered device; its token is not shown."""

    id = Id()
    platform = fields.String(validate=validate.OneOf(PLATFORMS))
    created_at = Instant()


class DevicesSchema(Schema):
    """One's devices, oldest first."""

    data = fields.List(fields.Nested(DeviceSchema))


def _choices(text: str) -> fields.Dict:
    return fields.Dict(keys=Text(max_length=60), values=Flag(), metadata={"description": text})


class ChoicesSchema(Schema):
    """What a user wants to be told, by channel and event type."""

    email = _choices("Event type → whether to send a mail.")
    push = _choices("Event type → whether to tell one's devices.")
    in_app = _choices("Event type → whether to put it into the inbox.")


class PreferencesSchema(Schema):
    """One's preferences."""

    preferences = fields.Nested(ChoicesSchema, required=True)
