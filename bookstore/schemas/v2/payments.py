"""Payments and refunds on the wire."""

from marshmallow import ValidationError, fields, validate

from bookstore.schemas.common import Flag, Id, Instant, Money, Schema, Text


class PaymentIntentSchema(Schema):
    """What a browser needs to pay an order."""

    payment_intent = fields.String(attribute="intent_id")
    client_secret = fields.String(
        metadata={"description": "For Stripe.js, or for `POST /payments/test/confirm`."}
    )
    amount = Money()
    currency = fields.String()
    publishable_key = fields.String(
        allow_none=True, metadata={"description": "For Stripe.js; null while test cards are taken."}
    )


def _something(amount: int) -> None:
    if amount == 0:
        raise ValidationError("More than 0.")


class RefundInput(Schema):
    """Money to give back."""

    amount = Money(
        allow_none=True,
        validate=_something,
        metadata={"description": "Without it, whatever is left of what was paid."},
    )
    reason = Text(
        max_length=500,
        load_default="",
        strip=True,
        metadata={"description": "The buyer reads it, on the receipt too."},
    )
    restock = Flag(
        load_default=False,
        metadata={
            "description": "Put the order's copies back on sale, once; it cannot be sent then."
        },
    )


class RefundSchema(Schema):
    """A refund."""

    id = Id()
    amount = Money()
    currency = fields.String()
    status = fields.String(
        validate=validate.OneOf(("pending", "succeeded", "failed")),
        metadata={"description": "pending until Stripe has done it."},
    )
    reason = fields.String()
    restock = fields.Boolean()
    created_at = Instant()


class RefundsSchema(Schema):
    """An order's refunds, oldest first."""

    data = fields.List(fields.Nested(RefundSchema))


class ReceivedSchema(Schema):
    """Thanks."""

    received = fields.Boolean()
