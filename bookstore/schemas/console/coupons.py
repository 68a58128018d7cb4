"""Filters and forms of the console's coupons."""

from marshmallow import validate

from bookstore.models.coupons import KINDS
from bookstore.schemas.common import Flag, Money, QueryWhole, Schema, Text
from bookstore.schemas.console.fields import Ids, Moment
from bookstore.schemas.v2.coupons import CouponInput

__all__ = ["KINDS", "CouponFilters", "CouponForm", "SwitchForm", "UseFilters"]

_MANY = 2**31 - 1


class CouponFilters(Schema):
    """Which coupons a list shows."""

    code = Text(max_length=100)
    cursor = Text(max_length=4000)


class UseFilters(Schema):
    """Which part of the list of who used a coupon."""

    cursor = Text(max_length=4000)


class CouponForm(Schema):
    """A coupon to make or change, as ``CouponInput`` but in text."""

    code = Text(required=True, validate=CouponInput._declared_fields["code"].validators)
    kind = Text(required=True, validate=validate.OneOf(KINDS))
    value = Text(max_length=20)
    starts_at = Moment()
    ends_at = Moment()
    min_subtotal = Money()
    usage_limit = QueryWhole(1, _MANY)
    per_user_limit = QueryWhole(1, _MANY)
    category_ids = Ids(500)
    book_ids = Ids(500)
    stackable = Flag()
    is_active = Flag()


class SwitchForm(Schema):
    """Whether something shall be on."""

    is_active = Flag(required=True)
