"""Wishlists on the wire."""

from marshmallow import fields

from bookstore.schemas.common import Id, Instant, Schema, Text
from bookstore.schemas.v2.catalog import BookSummarySchema


class WishlistItemSchema(Schema):
    """A book somebody wants."""

    book = fields.Nested(BookSummarySchema)
    notes = fields.String()
    added_at = Instant()


class WishlistSchema(Schema):
    """A wishlist."""

    items = fields.List(fields.Nested(WishlistItemSchema))


class WishlistItemInput(Schema):
    """A book to add."""

    book_id = Id(required=True)
    notes = Text(max_length=2000, load_default="")


class NotesInput(Schema):
    """New notes."""

    notes = Text(required=True, max_length=2000)
