"""Authors, categories and publishers in v1."""

from marshmallow import fields, validate

from bookstore.schemas.common import Day, Text, WebUrl
from bookstore.schemas.v1.common import PageNumberQuery, Schema


class AuthorSchema(Schema):
    """An author."""

    id = fields.Integer()
    first_name = fields.String()
    last_name = fields.String()
    full_name = fields.String()
    biography = fields.String()
    birth_date = fields.Date(allow_none=True)
    website = fields.String(allow_none=True)
    books_count = fields.Integer()


class AuthorInput(Schema):
    """A new author."""

    first_name = Text(max_length=150, strip=True)
    last_name = Text(required=True, min_length=1, max_length=150, strip=True)
    email = fields.Email(allow_none=True, validate=validate.Length(max=254), load_only=True)
    biography = Text(max_length=20_000)
    birth_date = Day(allow_none=True)
    website = WebUrl(max_length=500, allow_none=True)


class CategorySchema(Schema):
    """A category."""

    id = fields.Integer()
    name = fields.String()
    slug = fields.String()
    description = fields.String()


class CategoryInput(Schema):
    """A new category."""

    name = Text(required=True, min_length=1, max_length=100, strip=True)
    slug = Text(
        max_length=100,
        validate=validate.Regexp(
            r"^[a-z0-9]+(-[a-z0-9]+)*\Z", error="Lower-case words joined by dashes."
        ),
    )
    description = Text(max_length=20_000)


class PublisherSchema(Schema):
    """A publisher."""

    id = fields.Integer()
    name = fields.String()
    website = fields.String(allow_none=True)


class PublisherInput(Schema):
    """A new publisher."""

    name = Text(required=True, min_length=1, max_length=200, strip=True)
    website = WebUrl(max_length=500, allow_none=True)


class RecordQuery(PageNumberQuery):
    """Which authors, categories or publishers."""

    search = Text(max_length=200, metadata={"description": "Words of the name."})
