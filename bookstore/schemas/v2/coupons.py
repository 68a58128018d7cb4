"""Coupons on the wire, as staff keeps them."""

from marshmallow import fields, validate

from bookstore.models.coupons import KINDS
from bookstore.schemas.common import (
    AMOUNT,
    Flag,
    Id,
    Instant,
    Money,
    PageQuery,
    Schema,
    Text,
    Whole,
)

# What a whole number of the databases holds.
_MANY = 2**31 - 1
_SCOPE = {"description": "Only for these books; with neither, for all."}


class CouponSchema(Schema):
    """A coupon."""

    id = Id()
    code = fields.String(metadata={"description": "In capitals."})
    kind = fields.String(validate=validate.OneOf(KINDS))
    value = fields.String(
        allow_none=True,
        metadata={"description": "Percent, an amount, or null for free shipping.", "example": "10"},
    )
    starts_at = Instant(allow_none=True)
    ends_at = Instant(allow_none=True)
    min_subtotal = Money()
    usage_limit = fields.Integer(allow_none=True)
    per_user_limit = fields.Integer(allow_none=True)
    category_ids = fields.List(Id())
    book_ids = fields.List(Id())
    restricted = fields.Boolean(
        metadata={"description": "For certain books only; if those are gone, for none."}
    )
    stackable = fields.Boolean()
    is_active = fields.Boolean()
    used = fields.Integer(
        metadata={"description": "By how many orders, not counting cancelled ones."}
    )
    version = fields.Integer()
    created_at = Instant()
    updated_at = Instant()


class CouponInput(Schema):
    """A coupon to make or change."""

    code = Text(
        required=True,
        strip=True,
        validate=validate.Regexp(
            r"[A-Za-z0-9_-]{3,40}\Z", error="3 to 40 letters (A to Z), digits, - and _."
        ),
        metadata={"example": "WELCOME10"},
    )
    kind = Text(required=True, validate=validate.OneOf(KINDS))
    value = Text(
        max_length=20,
        allow_none=True,
        metadata={
            "description": 'Percent "12.5", an amount "5.00", nothing for free shipping.',
            "pattern": AMOUNT,
            "example": "10",
        },
    )
    starts_at = Instant(allow_none=True)
    ends_at = Instant(allow_none=True, metadata={"description": "Up to and without this instant."})
    min_subtotal = Money(metadata={"description": "Of all lines, before any discount."})
    usage_limit = Whole(1, _MANY, allow_none=True)
    per_user_limit = Whole(1, _MANY, allow_none=True)
    category_ids = fields.List(Id(), validate=validate.Length(max=500), metadata=_SCOPE)
    book_ids = fields.List(Id(), validate=validate.Length(max=500), metadata=_SCOPE)
    stackable = Flag(metadata={"description": "Whether it can be used with others that are."})
    is_active = Flag()


class CouponQuery(PageQuery):
    """Which coupons."""

    code = Text(max_length=100, metadata={"description": "The one with this code."})
