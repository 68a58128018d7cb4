"""Carts and wishlists in v1."""

from marshmallow import fields

from bookstore.schemas.common import Instant, Money, Text
from bookstore.schemas.v1.catalog import BookLineSchema
from bookstore.schemas.v1.common import Key, Number, Schema


class CartItemSchema(Schema):
    """One line of a cart."""

    id = fields.Integer()
    book = fields.Nested(BookLineSchema)
    quantity = fields.Integer()
    subtotal = Money(attribute="line_total")
    added_at = Instant()


class CartSchema(Schema):
    """A cart at present prices; ``total_price`` is before shipping and tax."""

    id = fields.Integer(allow_none=True, metadata={"description": "null before the first item."})
    items = fields.List(fields.Nested(CartItemSchema))
    total_price = Money(attribute="subtotal")
    total_items = fields.Integer()
    created_at = Instant(allow_none=True)
    updated_at = Instant(allow_none=True)


class CartItemInput(Schema):
    """Copies to add."""

    book_id = Key(required=True)
    quantity = Number(1, 999, load_default=1)


class BookIdInput(Schema):
    """Which book."""

    book_id = Key(required=True)


class WishlistItemSchema(Schema):
    """One book on a wishlist."""

    id = fields.Integer()
    book = fields.Nested(BookLineSchema)
    notes = fields.String()
    added_at = Instant()


class WishlistSchema(Schema):
    """A wishlist."""

    id = fields.Integer(allow_none=True, metadata={"description": "null before the first item."})
    items = fields.List(fields.Nested(WishlistItemSchema))
    created_at = Instant(allow_none=True)


class WishlistItemInput(Schema):
    """A book to keep in mind."""

    book_id = Key(required=True)
    notes = Text(max_length=2000, load_default="")
