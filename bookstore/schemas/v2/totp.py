"""The second factor on the wire."""

from marshmallow import fields

from bookstore.schemas.common import Instant, Schema, Text

_CODE = {"description": "What the app shows now, or a recovery code."}


class TotpSchema(Schema):
    """What an authenticator app needs."""

    secret = fields.String(metadata={"description": "Base32."})
    uri = fields.String(metadata={"description": "The same as an `otpauth://` address, for a QR."})


class TotpConfirmSchema(Schema):
    """That the app has the secret."""

    code = Text(required=True, max_length=64, load_only=True, metadata={"example": "123456"})


class RecoverySchema(Schema):
    """Codes for who has lost the app."""

    recovery_codes = fields.List(
        fields.String(), metadata={"description": "Ten, each good once; shown this once."}
    )


class TotpRemoveSchema(Schema):
    """Who wants to do without."""

    password = Text(required=True, max_length=256, load_only=True)
    code = Text(required=True, max_length=64, load_only=True, metadata=_CODE)


class TotpStateSchema(Schema):
    """Whether there is a second factor."""

    enabled = fields.Boolean()
    enabled_at = Instant(allow_none=True)
    recovery_codes_left = fields.Integer()
