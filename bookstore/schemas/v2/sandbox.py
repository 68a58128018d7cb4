"""Test cards on the wire."""

from marshmallow import fields, validate

from bookstore.schemas.common import Schema, Text

# A path of this shop: one slash, then no second one or backslash, which browsers read as a host.
_PATH = validate.Regexp(r"/(?![/\\])[!-~]*\Z", error="A path of this shop, such as /track/1.")
_CARD = validate.Regexp(r"[0-9][0-9 -]{10,30}\Z", error="Digits, 12 to 19, with blanks between.")


class ConfirmInput(Schema):
    """A card to pay an intent with."""

    client_secret = Text(required=True, min_length=1, max_length=300)
    card_number = Text(
        required=True,
        max_length=31,
        validate=_CARD,
        load_only=True,
        metadata={"example": "4242 4242 4242 4242"},
    )
    return_url = Text(
        max_length=1000,
        validate=_PATH,
        load_default=None,
        allow_none=True,
        metadata={"description": "Where to go after 3-D Secure: a path of this shop."},
    )


class RedirectSchema(Schema):
    """What the buyer has to do next."""

    type = fields.String(validate=validate.Equal("redirect_to_url"))
    url = fields.String(
        metadata={"description": "A page of this shop that asks whether it is you."}
    )


class ConfirmedSchema(Schema):
    """What became of it, in Stripe's words."""

    payment_intent = fields.String(attribute="intent_id")
    status = fields.String(
        validate=validate.OneOf(("succeeded", "requires_payment_method", "requires_action"))
    )
    decline_code = fields.String(allow_none=True)
    next_action = fields.Nested(RedirectSchema, allow_none=True)
