"""Carts on the wire."""

from marshmallow import fields

from bookstore.schemas.common import Id, Money, Schema, Text, Whole, shop_currency
from bookstore.schemas.v2.catalog import BookSummarySchema
from bookstore.schemas.v2.orders import AddressSchema, DiscountSchema, TaxLineSchema
from bookstore.schemas.v2.shipping import DaysSchema, DeliveryEstimateSchema, ShippingOptionSchema


class CartItemSchema(Schema):
    """One line of a cart."""

    book = fields.Nested(BookSummarySchema)
    quantity = fields.Integer()
    unit_price = Money()
    line_total = Money()
    price_changed_from = Money(
        allow_none=True,
        metadata={"description": "The price when it was put in, if that was another."},
    )


class CartCouponSchema(Schema):
    """A coupon on a cart, whether it applies or not."""

    code = fields.String()
    kind = fields.String()
    discount = Money(metadata={"description": "0 for free shipping, which `/cart/quote` knows."})
    applies = fields.Boolean()
    reason = fields.String(
        allow_none=True, metadata={"description": "Why it does not apply: as of `coupon_invalid`."}
    )
    detail = fields.String(allow_none=True, metadata={"description": "The same for people."})


class CartSchema(Schema):
    """A cart at present prices."""

    items = fields.List(fields.Nested(CartItemSchema))
    coupon = fields.Nested(
        CartCouponSchema, allow_none=True, metadata={"description": "The first of `coupons`."}
    )
    coupons = fields.List(fields.Nested(CartCouponSchema))
    discount = Money(metadata={"description": "What the coupons take off the books."})
    subtotal = Money(metadata={"description": "The lines, before the discount."})
    total_items = fields.Integer()
    currency = fields.String()


class CartItemInput(Schema):
    """Copies to add."""

    book_id = Id(required=True)
    quantity = Whole(1, 999, load_default=1)


class QuantityInput(Schema):
    """How many copies there should be."""

    quantity = Whole(1, 999, required=True)


class CouponCodeInput(Schema):
    """Which coupon."""

    code = Text(
        required=True,
        max_length=100,
        metadata={"description": "Case, and blanks around it, do not count."},
    )


class QuoteInput(Schema):
    """How an order would be sent."""

    shipping_method = Text(max_length=50, load_default="standard")
    shipping_address = fields.Nested(AddressSchema)


class QuoteLineSchema(Schema):
    """One priced line."""

    book_id = Id()
    quantity = fields.Integer()
    unit_price = Money()
    line_total = Money(attribute="total")
    discount = Money(metadata={"description": "The line's share of the discount."})
    tax = Money(metadata={"description": "Added to the price, or contained in it."})


class QuoteSchema(Schema):
    """What an order would cost."""

    lines = fields.List(fields.Nested(QuoteLineSchema))
    subtotal = Money()
    discount = Money()
    shipping = Money()
    tax = Money(metadata={"description": "Tax that is added to the prices."})
    tax_included = Money(metadata={"description": "Tax that the prices contain."})
    tax_lines = fields.List(fields.Nested(TaxLineSchema))
    discounts = fields.List(fields.Nested(DiscountSchema))
    total = Money()
    currency = fields.Function(lambda _: shop_currency(), metadata={"type": "string"})
    shipping_method = fields.String()
    days = fields.Nested(DaysSchema, attribute="chosen.days")
    delivery = fields.Nested(DeliveryEstimateSchema, attribute="chosen.delivery")
    shipping_methods = fields.List(
        fields.Nested(ShippingOptionSchema),
        attribute="options",
        metadata={"description": "Every way to send it there."},
    )
