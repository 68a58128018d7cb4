"""Filters of the console's jobs."""

from marshmallow import validate

from bookstore.schemas.common import Flag, Schema, Text
from bookstore.schemas.v2.jobs import STATUSES


class JobFilters(Schema):
    """Which jobs a list shows."""

    kind = Text(max_length=40)
    status = Text(validate=validate.OneOf(STATUSES))
    mine = Flag()
    cursor = Text(max_length=4000)
