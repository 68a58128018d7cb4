"""Many prices at once, on the wire."""

from typing import Any

from marshmallow import fields, validate

from bookstore.models.price_updates import OUTCOMES, STATUSES
from bookstore.schemas.common import Flag, Id, Instant, Money, PageQuery, Schema, Text

_PREVIEW = "Read the file and show what it would change; nothing is changed before `apply`."


class PriceUpdateQuery(Schema):
    """What to do with the file."""

    preview = Flag(load_default=False, metadata={"description": _PREVIEW})


class FileAddress(Schema):
    """Where a file is."""

    url = Text(
        required=True,
        max_length=2000,
        metadata={
            "description": "http(s), no user name, no private address; redirects are not followed.",
            "example": "https://example.com/prices.csv",
            "format": "uri",
        },
    )


class PriceUpdateInput(FileAddress):
    """Where a file of prices is, and what to do with it."""

    preview = Flag(metadata={"description": _PREVIEW})


class PriceUpdateCountsSchema(Schema):
    """How many rows there are, and of each outcome."""

    rows = fields.Integer()
    refused = fields.Integer(metadata={"description": "The row is wrong; `reason` says how."})
    unchanged = fields.Integer(metadata={"description": "The book has that price already."})
    waiting = fields.Integer(metadata={"description": "To be changed."})
    changed = fields.Integer()
    changed_since_preview = fields.Integer(
        metadata={"description": "Somebody else changed the price meanwhile: left alone."}
    )
    gone = fields.Integer(metadata={"description": "The book was deleted meanwhile."})
    undone = fields.Integer()
    changed_since_update = fields.Integer(
        metadata={"description": "Not undone: somebody else has changed the price since."}
    )


class PriceUpdateRowSchema(Schema):
    """What became of a row."""

    row = fields.Integer(metadata={"description": "As spreadsheets count: the header is 1."})
    named = fields.String(metadata={"description": "What the file calls the book by."})
    book_id = Id(allow_none=True)
    title = fields.String(allow_none=True)
    old_price = Money(allow_none=True)
    new_price = Money(allow_none=True)
    outcome = fields.String(validate=validate.OneOf(OUTCOMES))
    reason = fields.String(
        allow_none=True, metadata={"example": "price: is '9,99': Not a decimal amount"}
    )


class PriceUpdateListedSchema(Schema):
    """A file of prices, and how far it is."""

    id = Id()
    status = fields.String(validate=validate.OneOf(STATUSES))
    preview = fields.Boolean(metadata={"description": "Whether it was to wait for `apply`."})
    named_by = fields.String(
        allow_none=True, metadata={"description": "`id`, `isbn` or `sku`; null: not read yet."}
    )
    url = fields.String(
        allow_none=True, metadata={"description": "Where the file was fetched, without its query."}
    )
    failure = fields.String(
        allow_none=True, metadata={"description": "Why nothing came of the whole file."}
    )
    requested_by = fields.String(metadata={"example": "staff:7"})
    job_id = Id(metadata={"description": "The job that works at it, or did so last."})
    created_at = Instant()
    applied_at = Instant(allow_none=True)
    undone_at = Instant(allow_none=True)


class PriceUpdateSchema(PriceUpdateListedSchema):
    """The same, with what became of its rows."""

    counts = fields.Nested(PriceUpdateCountsSchema)
    is_interrupted = fields.Boolean(
        metadata={"description": "It is half-way and no job is at it: apply or undo it again."},
    )
    largest_changes = fields.List(
        fields.Nested(PriceUpdateRowSchema),
        metadata={"description": "At most ten, by how many times the one price is the other."},
    )


class PriceUpdateRowsQuery(PageQuery):
    """Which rows."""

    outcome: Any = Text(validate=validate.OneOf(OUTCOMES), metadata={"description": "Only these."})
