"""Forms and filters of the console's changes of many prices."""

from marshmallow import validate

from bookstore.models.price_updates import OUTCOMES
from bookstore.schemas.common import Schema, Text

__all__ = ["OUTCOMES", "RowFilters", "UpdateFilters", "UpdateForm"]


class UpdateFilters(Schema):
    """Which part of the list of updates."""

    cursor = Text(max_length=4000)


class UpdateForm(Schema):
    """Where a file of prices is, if it is not sent along."""

    url = Text(max_length=2000)


class RowFilters(Schema):
    """Which rows of an update."""

    outcome = Text(validate=validate.OneOf(OUTCOMES))
    cursor = Text(max_length=4000)
