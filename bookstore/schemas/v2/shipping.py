"""Ways to send orders, on the wire."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from bookstore.schemas.common import (
    Country,
    Flag,
    Id,
    Instant,
    Money,
    PageQuery,
    Price,
    Schema,
    Text,
    Whole,
)

KINDS = ("flat", "weight")
_PRICE = "For the order; with kind `weight`, for its first kilogram."
_PER_KG = "With kind `weight`: for each kilogram begun after the first."
_FREE_OVER = "Free from this subtotal on, after discounts; null: never."
_COUNTRIES = "ISO 3166-1 alpha-2; none: everywhere that no other row of this code names."


class DaysSchema(Schema):
    """Working days until it arrives."""

    min = Whole(0, 365, required=True)
    max = Whole(0, 365, required=True)

    @validates_schema
    def _whole_and_in_order(self, data: dict[str, Any], **_: Any) -> None:
        # Of a method's changes too, which are partial down to here.
        missing = [name for name in ("min", "max") if name not in data]
        if missing:
            raise ValidationError("Missing data for required field.", missing[0])
        if data["min"] > data["max"]:
            raise ValidationError("Must not be below min.", "max")


class DeliveryEstimateSchema(Schema):
    """When it would arrive if it were ordered today; Saturdays and Sundays do not count."""

    min_date = fields.Date()
    max_date = fields.Date()


class ShippingOptionSchema(Schema):
    """A way to send this cart, and what that would cost."""

    code = fields.String()
    name = fields.String()
    price = Money(metadata={"description": "As `shipping` of the quote would be."})
    days = fields.Nested(DaysSchema)
    delivery = fields.Nested(DeliveryEstimateSchema)


class ShippingMethodInput(Schema):
    """A new way to send orders to some countries, or to all others."""

    code = Text(
        required=True,
        max_length=50,
        validate=validate.Regexp(
            r"^[a-z0-9][a-z0-9_-]*\Z", error="Lower-case letters, digits, - and _."
        ),
        metadata={"description": "Several rows may have one: each for other countries."},
    )
    name = Text(required=True, min_length=1, max_length=100, strip=True)
    countries = fields.List(
        Country(), validate=validate.Length(max=300), metadata={"description": _COUNTRIES}
    )
    kind = Text(validate=validate.OneOf(KINDS))
    price = Price(required=True, metadata={"description": _PRICE})
    price_per_kg = Price(metadata={"description": _PER_KG})
    free_over = Money(allow_none=True, metadata={"description": _FREE_OVER})
    days = fields.Nested(DaysSchema)
    position = Whole(0, 10_000, metadata={"description": "Place in the list."})
    is_active = Flag()


class ShippingMethodSchema(Schema):
    """A way to send orders to some countries, or to all others."""

    id = Id()
    code = fields.String()
    name = fields.String()
    countries = fields.List(fields.String(), metadata={"description": _COUNTRIES})
    kind = fields.String(validate=validate.OneOf(KINDS))
    price = Money(metadata={"description": _PRICE})
    price_per_kg = Money(metadata={"description": _PER_KG})
    free_over = Money(allow_none=True, metadata={"description": _FREE_OVER})
    days = fields.Nested(DaysSchema)
    position = fields.Integer()
    is_active = fields.Boolean()
    version = fields.Integer()
    created_at = Instant()
    updated_at = Instant()


class ShippingMethodQuery(PageQuery):
    """Which ways to send orders."""

    country = Country(metadata={"description": "Only what goes to this country, one a code."})
    all = Flag(load_default=False, metadata={"description": "Also what is switched off (staff)."})
