"""Authors, categories and publishers on the wire."""

from marshmallow import fields, validate

from bookstore.schemas.common import SOMETIMES, Day, Id, Instant, PageQuery, Schema, Text, WebUrl


class AuthorInput(Schema):
    """A new author."""

    first_name = Text(max_length=150, load_default="", strip=True)
    last_name = Text(required=True, min_length=1, max_length=150, strip=True)
    email = fields.Email(allow_none=True, validate=validate.Length(max=254), load_only=True)
    biography = Text(max_length=20_000)
    birth_date = Day(allow_none=True)
    website = WebUrl(max_length=500, allow_none=True)


class AuthorSchema(Schema):
    """An author."""

    id = Id()
    first_name = fields.String()
    last_name = fields.String()
    full_name = fields.String()
    biography = fields.String()
    birth_date = fields.Date(allow_none=True)
    website = fields.String(allow_none=True)
    books_count = fields.Integer(metadata={"description": "On a single author only.", **SOMETIMES})
    created_at = Instant()
    updated_at = Instant()


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


class CategorySchema(Schema):
    """A category."""

    id = Id()
    name = fields.String()
    slug = fields.String()
    description = fields.String()
    books_count = fields.Integer(
        metadata={"description": "On a single category only.", **SOMETIMES}
    )
    created_at = Instant()
    updated_at = Instant()


class PublisherInput(Schema):
    """A new publisher."""

    name = Text(required=True, min_length=1, max_length=200, strip=True)
    website = WebUrl(max_length=500, allow_none=True)


class PublisherSchema(Schema):
    """A publisher."""

    id = Id()
    name = fields.String()
    website = fields.String(allow_none=True)
    books_count = fields.Integer(
        metadata={"description": "On a single publisher only.", **SOMETIMES}
    )
    created_at = Instant()
    updated_at = Instant()


class RecordQuery(PageQuery):
    """Which authors, categories or publishers."""

    q = Text(max_length=200, metadata={"description": "Words of the name."})
