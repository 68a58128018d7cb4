"""Orders and payments in v1."""

from typing import Any

from marshmallow import fields

from bookstore.schemas.common import Instant, Money, Text
from bookstore.schemas.v1.common import Key, Schema


class OrderedBookSchema(Schema):
    """The book of a line, as it was called then."""

    id = fields.Integer(attribute="book_id")
    title = fields.String()
    isbn = fields.String(allow_none=True)


class OrderItemSchema(Schema):
    """One line of an order, at the price it was bought for."""

    id = fields.Integer()
    book = fields.Nested(OrderedBookSchema, attribute="self")
    quantity = fields.Integer()
    price = Money()
    subtotal = Money(attribute="line_total")

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Return the line itself for ``self``."""
        return obj if attr == "self" else super().get_attribute(obj, attr, default)


class OrderSchema(Schema):
    """An order; ``total_amount`` is what there is to pay, with shipping and tax."""

    id = fields.Integer()
    number = fields.String()
    user = fields.Integer(attribute="user_id")
    status = fields.String()
    payment_status = fields.String()
    items = fields.List(fields.Nested(OrderItemSchema))
    subtotal = Money()
    discount = Money()
    shipping = Money()
    tax = Money()
    total_amount = Money()
    currency = fields.String()
    shipping_address = fields.Function(lambda order: address_text(order.shipping_address))
    tracking_number = fields.String(allow_none=True)
    created_at = Instant()
    updated_at = Instant()


class OrderInput(Schema):
    """An order of everything in the cart."""

    shipping_address = Text(
        required=True,
        min_length=1,
        max_length=1000,
        strip=True,
        metadata={"description": "As on a label; the country, by name or code, decides the tax."},
    )


class PaymentIntentInput(Schema):
    """What to pay."""

    order_id = Key(required=True)


class PaymentIntentSchema(Schema):
    """What Stripe's library needs to take the payment."""

    client_secret = fields.String()


def address_text(address: dict[str, str]) -> str:
    """Return an address as text: as it was written, if it was written so."""
    if "text" in address:
        return address["text"]
    town = f"{address.get('postal_code', '')} {address.get('city', '')}".strip()
    parts = [address.get("name"), address.get("line1"), address.get("line2"), town]
    parts += [address.get("region"), address.get("country")]
    return "\n".join(part for part in parts if part)
