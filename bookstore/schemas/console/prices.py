"""Filters and forms of the console's prices."""

from bookstore.schemas.common import Price, Schema, Text


class PriceFilters(Schema):
    """Which books a list of prices shows."""

    q = Text(max_length=500)
    cursor = Text(max_length=4000)


class PriceForm(Schema):
    """A book's price."""

    price = Price(required=True)
