"""Filters and forms of the console's orders."""

from marshmallow import validate

from bookstore.schemas.common import Day, Schema, Text
from bookstore.schemas.v2.orders import ORDER_STATUSES, PAYMENT_STATUSES


class OrderFilters(Schema):
    """Which orders a list shows."""

    status = Text(validate=validate.OneOf(ORDER_STATUSES))
    payment_status = Text(validate=validate.OneOf(PAYMENT_STATUSES))
    q = Text(max_length=254)
    start = Day(data_key="from")
    end = Day(data_key="to")
    cursor = Text(max_length=4000)
