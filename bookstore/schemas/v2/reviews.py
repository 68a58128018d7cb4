"""Reviews on the wire."""

from marshmallow import fields

from bookstore.schemas.common import Id, Instant, Schema, Text, Whole


class ReviewInput(Schema):
    """A new review."""

    rating = Whole(1, 5, required=True)
    title = Text(max_length=200, load_default="", strip=True)
    comment = Text(max_length=10_000, load_default="")


class ReviewSchema(Schema):
    """A review; the reader is named by username only."""

    id = Id()
    book_id = Id()
    user = fields.Pluck("ReviewerSchema", "username")
    rating = fields.Integer()
    title = fields.String()
    comment = fields.String()
    created_at = Instant()
    updated_at = Instant()


class ReviewerSchema(Schema):
    """Who wrote a review."""

    username = fields.String()
