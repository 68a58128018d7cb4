"""Books in v1."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, pre_load, validate, validates_schema

from bookstore.schemas.common import Instant, Money, Text, WebUrl
from bookstore.schemas.v1.common import Amount, Key, Keys, Number, PageNumberQuery, Schema
from bookstore.schemas.v1.records import AuthorSchema, CategorySchema, PublisherSchema

BOOK_STATUSES = ("available", "out_of_stock", "coming_soon")
_ORDERINGS = {
    "title": "title",
    "price": "price",
    "publication_date": "published",
    "created_at": "created",
    "average_rating": "rating",
}


class BookListSchema(Schema):
    """A book in a list."""

    id = fields.Integer()
    title = fields.String()
    author_name = fields.Function(lambda book: book["author"]["full_name"])
    categories = fields.Function(lambda book: [shelf["name"] for shelf in book["categories"]])
    price = Money()
    status = fields.String(validate=validate.OneOf(BOOK_STATUSES))
    average_rating = fields.Float(allow_none=True)
    publication_date = fields.Date(allow_none=True)


class BookLineSchema(Schema):
    """A book in a cart, a wishlist or an order."""

    id = fields.Integer()
    title = fields.String()
    author_name = fields.Function(lambda book: book["author"]["full_name"])
    isbn = fields.String(allow_none=True)
    price = Money()
    status = fields.String(validate=validate.OneOf(BOOK_STATUSES))
    average_rating = fields.Float(allow_none=True)
    publication_date = fields.Date(allow_none=True)
    cover_image = fields.Function(lambda book: book["cover"] and book["cover"]["url"])


class BookSchema(Schema):
    """A book alone."""

    id = fields.Integer()
    title = fields.String()
    subtitle = fields.String()
    isbn = fields.String(allow_none=True)
    author = fields.Nested(AuthorSchema)
    categories = fields.List(fields.Nested(CategorySchema))
    publisher = fields.Nested(PublisherSchema, allow_none=True)
    publication_date = fields.Date(allow_none=True)
    pages = fields.Integer(allow_none=True)
    language = fields.String()
    price = Money()
    description = fields.String()
    cover_image = fields.Function(lambda book: book["cover"] and book["cover"]["url"])
    status = fields.String(validate=validate.OneOf(BOOK_STATUSES))
    reviews_count = fields.Integer(attribute="review_count")
    average_rating = fields.Float(allow_none=True)
    created_at = Instant()
    updated_at = Instant()


class BookQuery(PageNumberQuery):
    """Which books, in which order."""

    author = Key(metadata={"description": "An id."})
    categories = Keys(metadata={"description": "Ids; may be repeated: one of them will do."})
    publisher = Key(metadata={"description": "An id."})
    status = fields.String(validate=validate.OneOf(BOOK_STATUSES))
    search = Text(max_length=500, metadata={"description": "Words of title, author or ISBN."})
    ordering = fields.String(
        metadata={"description": f"{', '.join(_ORDERINGS)}; `-` before it is descending."}
    )

    @pre_load
    def _without_blanks(self, data: Any, **_: Any) -> Any:
        # A form that is sent with nothing chosen.
        return {
            name: data.getlist(name) if name == "categories" else data[name]
            for name in data
            if data[name] != ""
        }

    @post_load
    def _sort(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        for name in data.pop("ordering", "").split(","):
            bare = name.strip().removeprefix("-")
            if bare in _ORDERINGS:
                sign = "-" if name.strip().startswith("-") else ""
                return {**data, "sort": sign + _ORDERINGS[bare]}
        return data


class BookInput(Schema):
    """A new book."""

    title = Text(required=True, min_length=1, max_length=500, strip=True)
    author = Key(metadata={"description": "An id. Also as `author_id`."})
    author_id = Key(load_only=True)
    price = Amount(required=True)
    subtitle = Text(max_length=500)
    isbn = Text(max_length=20, allow_none=True)
    categories = Keys(metadata={"description": "Ids. Also as `category_ids`."})
    category_ids = Keys(load_only=True)
    publisher = Key(allow_none=True, metadata={"description": "An id. Also as `publisher_id`."})
    publisher_id = Key(allow_none=True, load_only=True)
    publication_date = fields.Date(allow_none=True)
    pages = Number(1, 100_000, allow_none=True)
    language = Text(max_length=20)
    description = Text(max_length=100_000, metadata={"description": "HTML; sanitised."})
    cover_image = WebUrl(max_length=1000, allow_none=True)
    status = Text(validate=validate.OneOf(BOOK_STATUSES))
    stock = Number(0, 1_000_000, metadata={"description": "Copies; 0 unless said."})

    @validates_schema(skip_on_field_errors=False)
    def _has_author(self, data: dict[str, Any], *, partial: Any = False, **_: Any) -> None:
        if not partial and not {"author", "author_id"} & set(data):
            raise ValidationError("Missing data for required field.", "author")

    @post_load
    def _as_the_shop_names_them(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        names = {
            "author": "author_id",
            "categories": "category_ids",
            "publisher": "publisher_id",
            "cover_image": "cover_url",
        }
        named = {names.get(name, name): value for name, value in data.items()}
        return {k: None if k == "isbn" and v == "" else v for k, v in named.items()}
