"""Covers on their way to a book."""

from marshmallow import fields, validate

from bookstore.models.covers import CONTENT_TYPES, MAX_BYTES, UPLOAD_STATUSES
from bookstore.schemas.common import Instant, Schema, Text, Whole
from bookstore.schemas.v2.catalog import CoverSchema


class CoverInput(Schema):
    """What will be sent."""

    content_type = Text(required=True, validate=validate.OneOf(CONTENT_TYPES))
    size = Whole(1, MAX_BYTES, required=True, metadata={"description": "In bytes."})


class UploadFormSchema(Schema):
    """How to send the file: as multipart/form-data with these fields, then the file as `file`."""

    url = fields.String()
    method = fields.String(metadata={"example": "POST"})
    fields_ = fields.Dict(
        data_key="fields", attribute="fields", keys=fields.String(), values=fields.String()
    )


class CoverOfferSchema(Schema):
    """A form for one file of just this type and size."""

    upload = fields.Nested(UploadFormSchema)
    key = fields.String(metadata={"description": "To be named when the file has been sent."})
    expires_at = Instant()


class CoverKeyInput(Schema):
    """What has been sent."""

    key = Text(required=True, max_length=200)


class CoverUploadSchema(Schema):
    """What became of an upload."""

    key = fields.String()
    status = fields.String(validate=validate.OneOf(UPLOAD_STATUSES))
    failure = fields.String(allow_none=True, metadata={"description": "A stable code."})
    detail = fields.String(allow_none=True, metadata={"description": "The same, for people."})
    created_at = Instant()
    updated_at = Instant()


class CoverStateSchema(Schema):
    """A book's cover, and its last upload."""

    cover = fields.Nested(CoverSchema, allow_none=True)
    upload = fields.Nested(CoverUploadSchema, allow_none=True)
