"""Live tracking on the wire."""

from marshmallow import fields

from bookstore.schemas.common import Schema, Text


class TicketSchema(Schema):
    """A ticket for one socket; good once."""

    ticket = fields.String()
    expires_in = fields.Integer(metadata={"description": "Seconds."})


class StreamQuery(Schema):
    """How a client that cannot send headers says who it is."""

    ticket = Text(max_length=100, metadata={"description": "From `POST /ws/tickets`."})
