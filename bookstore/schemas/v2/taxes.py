"""Tax rates on the wire."""

from marshmallow import fields

from bookstore.schemas.common import (
    Country,
    Flag,
    Id,
    Instant,
    PageQuery,
    Percent,
    Schema,
    TaxCategory,
    Text,
)

_REGION = "As addresses have it, in any case; empty: the whole country."
_CATEGORY = "Of goods: `books`, `shipping` or what books name; empty: everything else."
_INCLUSIVE = "Prices contain the tax; false: it is added to them."


class TaxRateInput(Schema):
    """A new rate."""

    country = Country(required=True)
    region = Text(max_length=100, strip=True, metadata={"description": _REGION})
    category = TaxCategory(min_length=0, metadata={"description": _CATEGORY})
    percent = Percent(required=True)
    inclusive = Flag(metadata={"description": _INCLUSIVE})


class TaxRateSchema(Schema):
    """The tax on a class of goods in a place."""

    id = Id()
    country = fields.String()
    region = fields.String(metadata={"description": _REGION})
    category = fields.String(metadata={"description": _CATEGORY})
    percent = Percent()
    inclusive = fields.Boolean(metadata={"description": _INCLUSIVE})
    version = fields.Integer()
    created_at = Instant()
    updated_at = Instant()


class TaxRateQuery(PageQuery):
    """Which rates."""

    country = Country(metadata={"description": "Of this country."})
