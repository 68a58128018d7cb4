"""What the shop's parts tell each other, on the wire."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from bookstore.schemas.common import Id, Money, Schema, Text
from bookstore.schemas.v2.orders import AddressSchema

_MOST = 200


class PeerUserSchema(Schema):
    """Who a user is."""

    id = Id()
    username = fields.String()
    email = fields.String()
    first_name = fields.String()
    last_name = fields.String()
    is_active = fields.Boolean()


class PeerBookSchema(Schema):
    """What a book is called and costs."""

    id = Id()
    title = fields.String()
    isbn = fields.String(allow_none=True)
    price = Money()
    currency = fields.String()
    status = fields.String()


class PeerBooksSchema(Schema):
    """Books."""

    data = fields.List(fields.Nested(PeerBookSchema))


class PeerOrderItemSchema(Schema):
    """A line of an order."""

    book_id = Id()
    title = fields.String()
    quantity = fields.Integer()
    price = Money()


class PeerOrderSchema(Schema):
    """An order, and whose it is."""

    id = Id()
    number = fields.String()
    user_id = Id()
    status = fields.String()
    payment_status = fields.String()
    items = fields.List(fields.Nested(PeerOrderItemSchema))
    total_amount = Money()
    currency = fields.String()
    version = fields.Integer()


class _Ids(Text):
    """Ids with commas between them."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        parts = super()._deserialize(value, attr, data, **kwargs).split(",")
        if len(parts) > _MOST or not all(
            part.isascii() and part.isdecimal() and len(part) < 19 for part in parts
        ):
            raise ma.ValidationError(f"Up to {_MOST} ids with commas between them.")
        return [int(part) for part in parts]


class PeerBooksQuery(Schema):
    """Which books."""

    ids = _Ids(required=True)


class _ItemInput(Schema):
    book_id = Id(required=True)
    quantity = fields.Integer(required=True, strict=True)


class PeerOrderInput(Schema):
    """An order for a user, of named copies."""

    user_id = Id(required=True)
    items = fields.List(fields.Nested(_ItemInput), required=True)
    shipping_address = fields.Nested(AddressSchema, required=True)
    shipping_method = Text(max_length=50, load_default="standard")
