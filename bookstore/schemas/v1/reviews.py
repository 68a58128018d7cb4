"""Reviews in v1."""

from marshmallow import fields

from bookstore.schemas.common import Instant, Text
from bookstore.schemas.v1.common import Key, Number, PageNumberQuery, Schema


class ReviewSchema(Schema):
    """A review; ``user`` is a username."""

    id = fields.Integer()
    book = fields.Integer(attribute="book_id")
    user = fields.Function(lambda review: review.user.username)
    rating = fields.Integer()
    title = fields.String()
    comment = fields.String()
    created_at = Instant()


class ReviewInput(Schema):
    """A new review."""

    book = Key(required=True)
    rating = Number(1, 5, required=True)
    title = Text(max_length=200, strip=True)
    comment = Text(max_length=10_000)


class ReviewChange(Schema):
    """What changes of a review; its book does not."""

    rating = Number(1, 5, required=True)
    title = Text(max_length=200, strip=True)
    comment = Text(max_length=10_000)


class ReviewQuery(PageNumberQuery):
    """Which reviews."""

    book = Key(metadata={"description": "An id."})
    user = Key(metadata={"description": "An id."})
    rating = Number(1, 5, metadata={"description": "So many stars."})
