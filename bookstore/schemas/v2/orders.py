"""Orders on the wire."""

from marshmallow import fields, validate

from bookstore.schemas.common import (
    Country,
    Flag,
    Id,
    Instant,
    Money,
    PageQuery,
    Percent,
    Schema,
    Text,
)

ORDER_STATUSES = ("pending", "processing", "shipped", "delivered", "cancelled")
PAYMENT_STATUSES = (
    "unpaid",
    "processing",
    "paid",
    "failed",
    "partially_refunded",
    "refunded",
    "review",
)


class AddressSchema(Schema):
    """Where to send an order; ``country`` is ISO 3166-1 alpha-2."""

    name = Text(required=True, min_length=1, max_length=200, strip=True)
    line1 = Text(required=True, min_length=1, max_length=200, strip=True)
    line2 = Text(max_length=200, load_default="", strip=True)
    city = Text(required=True, min_length=1, max_length=100, strip=True)
    region = Text(max_length=100, load_default="", strip=True)
    postal_code = Text(max_length=20, load_default="", strip=True)
    country = Country(required=True)


class SentToSchema(Schema):
    """Where an order goes. One by API v1, which takes addresses as text, has it all in line1."""

    name = fields.String()
    line1 = fields.String()
    line2 = fields.String()
    city = fields.String()
    region = fields.String()
    postal_code = fields.String()
    country = fields.String(metadata={"description": "Empty, if nobody said which."})


class OrderInput(Schema):
    """An order of everything in the cart."""

    shipping_address = fields.Nested(AddressSchema, required=True)
    shipping_method = Text(max_length=50, load_default="standard")
    expected_total = Money(
        allow_none=True,
        metadata={"description": "What the buyer was shown; another total is refused."},
    )


class TaxLineSchema(Schema):
    """The tax at one rate."""

    percent = Percent()
    inclusive = fields.Boolean(metadata={"description": "Contained in the prices."})
    base = Money(metadata={"description": "What it is worked out from, without the tax."})
    tax = Money()


class DiscountSchema(Schema):
    """What one coupon takes off."""

    code = fields.String()
    kind = fields.String()
    amount = Money()


class OrderItemSchema(Schema):
    """One line, at the price it was bought for."""

    book_id = Id()
    title = fields.String()
    isbn = fields.String(allow_none=True)
    quantity = fields.Integer()
    price = Money()
    line_total = Money()
    discount = Money(metadata={"description": "The line's share of the discount."})
    tax = Money(metadata={"description": "Added to the price, or contained in it."})
    tax_percent = Percent(allow_none=True, metadata={"description": "null: not taxed."})


class OrderSchema(Schema):
    """An order."""

    id = Id()
    number = fields.String()
    status = fields.String(validate=validate.OneOf(ORDER_STATUSES))
    payment_status = fields.String(validate=validate.OneOf(PAYMENT_STATUSES))
    items = fields.List(fields.Nested(OrderItemSchema))
    subtotal = Money()
    discount = Money()
    shipping = Money()
    tax = Money(metadata={"description": "Tax that was added to the prices."})
    tax_included = Money(metadata={"description": "Tax that the prices contain."})
    tax_lines = fields.List(fields.Nested(TaxLineSchema))
    discounts = fields.List(fields.Nested(DiscountSchema))
    total_amount = Money()
    currency = fields.String()
    shipping_method = fields.String()
    shipping_address = fields.Nested(SentToSchema)
    tracking_number = fields.String(allow_none=True)
    expires_at = Instant(
        allow_none=True,
        metadata={"description": "Unpaid by then, a pending order is cancelled."},
    )
    paid_at = Instant(allow_none=True)
    version = fields.Integer()
    created_at = Instant()
    updated_at = Instant()


class OrderQuery(PageQuery):
    """Which orders."""

    status = Text(validate=validate.OneOf(ORDER_STATUSES))
    payment_status = Text(
        validate=validate.OneOf(PAYMENT_STATUSES),
        metadata={"description": "How it was paid; `review`: what staff have to look at."},
    )
    number = Text(max_length=20, metadata={"description": "The one with this number."})
    all = Flag(load_default=False, metadata={"description": "Everybody's orders (staff)."})


class OrderEventSchema(Schema):
    """One line of an order's history."""

    from_ = fields.String(data_key="from", attribute="from_status", allow_none=True)
    to = fields.String(attribute="to_status")
    actor = fields.String()
    note = fields.String()
    at = Instant()


class OrderEventsSchema(Schema):
    """An order's history, oldest first."""

    data = fields.List(fields.Nested(OrderEventSchema))


class CancelInput(Schema):
    """Why."""

    note = Text(max_length=2000, load_default="")


class StatusInput(Schema):
    """Where the order stands now."""

    status = Text(required=True, validate=validate.OneOf(ORDER_STATUSES))
    tracking_number = Text(max_length=100, min_length=1, strip=True)
    note = Text(max_length=2000, load_default="")
