"""Books on the wire, and what they show of authors, categories and publishers."""

from typing import Any

from marshmallow import ValidationError, fields, pre_load, validate, validates_schema

from bookstore.schemas.common import (
    SOMETIMES,
    Day,
    Flag,
    Id,
    Instant,
    Money,
    PageQuery,
    Price,
    QueryId,
    Schema,
    TaxCategory,
    Text,
    WebUrl,
    Whole,
)

BOOK_STATUSES = ("available", "out_of_stock", "coming_soon")
STOCK_STATES = ("in_stock", "low_stock", "out_of_stock")
_BOTH_WAYS = ("title", "price", "published")
SORTS = (*_BOTH_WAYS, *(f"-{name}" for name in _BOTH_WAYS), "-created", "-rating", "-sales")
SORTS += ("relevance",)
_WEIGHT = "Grams, for delivery that is paid by weight; null: as heavy as most."
_TAX_CATEGORY = "Which tax rates are for it: of `books`, unless it says otherwise."


class AuthorRefSchema(Schema):
    """An author, shortly."""

    id = Id()
    full_name = fields.String()


class PublisherRefSchema(Schema):
    """A publisher, shortly."""

    id = Id()
    name = fields.String()


class CategoryRefSchema(Schema):
    """A category, shortly."""

    id = Id()
    name = fields.String()
    slug = fields.String()


class CoverSchema(Schema):
    """Where a book's cover is, in three sizes; all the same where only one is known."""

    url = fields.String(metadata={"description": "Up to 1000 × 1500 pixels."})
    medium_url = fields.String(metadata={"description": "Up to 480 × 720 pixels."})
    thumbnail_url = fields.String(metadata={"description": "Up to 200 × 300 pixels."})


class BookSummarySchema(Schema):
    """A book in a cart or on a wishlist."""

    id = Id()
    title = fields.String()
    isbn = fields.String(allow_none=True)
    author = fields.Nested(AuthorRefSchema)
    price = Money()
    currency = fields.String()
    status = fields.String(validate=validate.OneOf(BOOK_STATUSES))
    stock_state = fields.String(validate=validate.OneOf(STOCK_STATES))
    cover = fields.Nested(CoverSchema, allow_none=True)


class BookSchema(Schema):
    """A book as everybody sees it."""

    id = Id()
    title = fields.String()
    subtitle = fields.String()
    isbn = fields.String(allow_none=True)
    description = fields.String(metadata={"description": "Sanitised HTML."})
    pages = fields.Integer(allow_none=True)
    language = fields.String()
    status = fields.String(validate=validate.OneOf(BOOK_STATUSES))
    price = Money()
    currency = fields.String()
    stock_state = fields.String(validate=validate.OneOf(STOCK_STATES))
    publication_date = fields.Date(allow_none=True)
    weight = fields.Integer(allow_none=True, metadata={"description": _WEIGHT})
    tax_category = fields.String(metadata={"description": _TAX_CATEGORY})
    author = fields.Nested(AuthorRefSchema)
    authors = fields.List(fields.Nested(AuthorRefSchema))
    publisher = fields.Nested(PublisherRefSchema, allow_none=True)
    categories = fields.List(fields.Nested(CategoryRefSchema))
    cover = fields.Nested(CoverSchema, allow_none=True)
    average_rating = fields.Float(allow_none=True)
    review_count = fields.Integer()
    created_at = Instant()
    updated_at = Instant()


class StaffBookSchema(BookSchema):
    """A book as staff sees it: with its stock and sku."""

    sku = fields.String(metadata={"description": "For staff only.", **SOMETIMES})
    stock = fields.Integer(metadata={"description": "For staff only.", **SOMETIMES})


class MobileBookSchema(Schema):
    """A book on a small screen (``view=mobile``)."""

    id = Id()
    title = fields.String()
    author_name = fields.Function(
        lambda book: book["author"]["full_name"], metadata={"type": "string"}
    )
    thumbnail = fields.Function(
        lambda book: (book["cover"] or {}).get("thumbnail_url"),
        metadata={"type": ["string", "null"]},
    )
    price = Money()
    average_rating = fields.Float(allow_none=True)


class BookPartSchema(StaffBookSchema, MobileBookSchema):
    """Those members of a book that ``fields`` names (it is never dumped, only described)."""


class BookViewQuery(Schema):
    """Which parts of a book to send."""

    fields_ = Text(
        data_key="fields",
        max_length=500,
        metadata={
            "description": "Comma-separated names of the members wanted.",
            "example": "id,title",
        },
    )
    view = Text(validate=validate.OneOf(["full", "mobile"]), load_default="full")

    @validates_schema
    def _known_fields(self, data: dict[str, Any], **_: Any) -> None:
        if "fields_" not in data:
            return
        shape = MobileBookSchema if data["view"] == "mobile" else StaffBookSchema
        names = data["fields_"].split(",")
        unknown = [name for name in names if name not in shape._declared_fields]
        if unknown:
            raise ValidationError(f"Not a member: {', '.join(unknown)}.", "fields")


class BookQuery(PageQuery, BookViewQuery):
    """Which books, in which order."""

    q = Text(
        max_length=500,
        metadata={"description": "Words of title, author or ISBN; a typo a word is forgiven."},
    )
    author_id = QueryId(metadata={"description": "Books that this author wrote, also with others."})
    category = Text(max_length=100, metadata={"description": "A slug."})
    publisher_id = QueryId()
    status = Text(
        validate=validate.OneOf(BOOK_STATUSES),
        metadata={"description": "As shown: a book without a copy left is out_of_stock."},
    )
    min_price = Money(metadata={"description": "Included."})
    max_price = Money(metadata={"description": "Included."})
    published_after = Day(metadata={"description": "This day or later."})
    published_before = Day(metadata={"description": "This day or earlier."})
    in_stock = Flag(metadata={"description": "Whether a copy can be bought now."})
    sort = Text(
        validate=validate.OneOf(SORTS),
        metadata={
            "description": "`-` is descending; `relevance` needs `q`. "
            "A book without a publication date counts as the oldest."
        },
    )


class SuggestQuery(Schema):
    """What has been typed so far."""

    q = Text(required=True, max_length=100)


class SuggestionSchema(Schema):
    """One completion."""

    id = Id()
    title = fields.String()
    author_name = fields.String()


class SuggestionsSchema(Schema):
    """Completions."""

    data = fields.List(fields.Nested(SuggestionSchema))


class BooksSchema(Schema):
    """A list that is never longer than this."""

    data = fields.List(fields.Nested(BookSchema))


class BookInput(Schema):
    """A new book."""

    title = Text(required=True, min_length=1, max_length=500, strip=True)
    author_id = Id()
    author_ids = fields.List(Id(), validate=validate.Length(min=1, max=50))
    price = Price(required=True)
    subtitle = Text(max_length=500)
    isbn = Text(max_length=20, allow_none=True)
    sku = Text(min_length=1, max_length=64, allow_none=True, strip=True)
    stock = Whole(0, 1_000_000)
    publisher_id = Id(allow_none=True)
    category_ids = fields.List(Id(), validate=validate.Length(max=50))
    pages = Whole(1, 100_000, allow_none=True)
    language = Text(max_length=20)
    publication_date = Day(allow_none=True)
    weight = Whole(0, 100_000, allow_none=True, metadata={"description": _WEIGHT})
    tax_category = TaxCategory(metadata={"description": _TAX_CATEGORY})
    status = Text(validate=validate.OneOf(BOOK_STATUSES))
    description = Text(max_length=100_000, metadata={"description": "HTML; sanitised."})
    cover_url = WebUrl(max_length=1000, allow_none=True)

    @pre_load
    def _empty_isbn(self, data: Any, **_: Any) -> Any:
        # Forms send "" for what was left out; two of those must not collide as ISBNs.
        if isinstance(data, dict):
            return {k: None if k in {"isbn", "sku"} and v == "" else v for k, v in data.items()}
        return data

    @validates_schema
    def _one_author(self, data: dict[str, Any], *, partial: Any = False, **_: Any) -> None:
        given = [name for name in ("author_id", "author_ids") if name in data]
        if len(given) == 2:
            raise ValidationError("Give author_id or author_ids, not both.", "author_ids")
        if not given and not partial:
            raise ValidationError("Missing data for required field.", "author_id")
