"""Filters and forms of the console's webhook endpoints and their deliveries."""

from marshmallow import fields, validate

from bookstore.schemas.common import Day, Flag, Schema, Text
from bookstore.schemas.console.fields import Moment
from bookstore.schemas.v2.webhooks import DELIVERY_STATUSES, REPLAYABLE


class EndpointFilters(Schema):
    """Which part of the list of endpoints."""

    cursor = Text(max_length=4000)


class EndpointForm(Schema):
    """A receiver of events to make or change."""

    url = Text(required=True, max_length=2000)
    events = fields.List(Text(max_length=60), required=True, validate=validate.Length(1, 100))
    description = Text(max_length=500)
    is_active = Flag()


class DeliveryFilters(Schema):
    """Which deliveries a list shows. ``q`` is an event's id or an order's number."""

    status = Text(validate=validate.OneOf(DELIVERY_STATUSES))
    event_type = Text(max_length=60)
    q = Text(max_length=40)
    start = Day(data_key="from")
    end = Day(data_key="to")
    cursor = Text(max_length=4000)


class ReplayForm(Schema):
    """What to send again: since when, and how it had ended."""

    since = Moment(required=True)
    status = Text(required=True, validate=validate.OneOf(REPLAYABLE))


class NoFields(Schema):
    """A form that is a button and nothing else."""
