"""Jobs on the wire."""

from marshmallow import fields, validate

from bookstore.schemas.common import Flag, Id, Instant, PageQuery, Schema, Text

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")


class ProgressSchema(Schema):
    """How far a job is."""

    done = fields.Integer()
    total = fields.Integer(allow_none=True, metadata={"description": "null: nobody knows yet."})


class JobErrorSchema(Schema):
    """Why a job failed."""

    code = fields.String(metadata={"example": "storage_unavailable"})
    detail = fields.String()


class JobFileSchema(Schema):
    """A file that a job has made; kept for seven days."""

    name = fields.String(metadata={"example": "book-12.html"})
    content_type = fields.String()
    size = fields.Integer(metadata={"description": "In bytes."})
    url = fields.String(metadata={"example": "/api/v2/jobs/5/files/book-12.html"})


class JobSchema(Schema):
    """Work that somebody asked for, and what came of it."""

    id = Id()
    kind = fields.String(metadata={"example": "report.book"})
    status = fields.String(validate=validate.OneOf(STATUSES))
    progress = fields.Nested(ProgressSchema)
    parameters = fields.Dict(
        metadata={"description": "What was asked for; each kind has its own. A `url` has no query."}
    )
    result = fields.Dict(
        allow_none=True, metadata={"description": "Once it has succeeded; each kind has its own."}
    )
    files = fields.List(fields.Nested(JobFileSchema))
    error = fields.Nested(
        JobErrorSchema, allow_none=True, metadata={"description": "Once it has failed."}
    )
    version = fields.Integer(metadata={"description": "Grows with each change."})
    requested_by = fields.String(metadata={"example": "staff:7"})
    created_at = Instant()
    started_at = Instant(allow_none=True)
    finished_at = Instant(allow_none=True)


class StartedJobSchema(Schema):
    """A job that was just asked for."""

    job = fields.Nested(JobSchema)


class JobQuery(PageQuery):
    """Which jobs."""

    kind = Text(max_length=40, metadata={"description": "Only these.", "example": "report.book"})
    status = fields.String(validate=validate.OneOf(STATUSES))
    all = Flag(load_default=False, metadata={"description": "Staff: everybody's."})
