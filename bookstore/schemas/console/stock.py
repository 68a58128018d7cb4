"""Filters and forms of the console's stock."""

from marshmallow import validate

from bookstore.schemas.common import Flag, QueryWhole, Schema, Text

HOW = ("add", "take", "set")
_MOST = 10_000_000


class StockFilters(Schema):
    """Which books a list of the stock shows."""

    q = Text(max_length=500)
    low = Flag()
    cursor = Text(max_length=4000)


class LedgerFilters(Schema):
    """Which part of a book's ledger."""

    cursor = Text(max_length=4000)


class StockForm(Schema):
    """A level put right. ``seen``: how many copies the page showed."""

    how = Text(required=True, validate=validate.OneOf(HOW))
    amount = QueryWhole(0, _MOST, required=True)
    note = Text(required=True, max_length=200)
    seen = QueryWhole(0, 2**31, required=True)
