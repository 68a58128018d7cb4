"""GraphQL requests on the wire (GraphQL over HTTP, and Apollo's persisted queries)."""

import marshmallow as ma
from marshmallow import fields, validate

from bookstore.schemas.common import Schema, Text


class PersistedQuery(Schema):
    """A query by its digest."""

    version = fields.Integer(required=True, strict=True, validate=validate.Equal(1))
    sha256 = Text(
        data_key="sha256Hash",
        required=True,
        validate=validate.Regexp(r"^[0-9a-f]{64}\Z", error="64 hexadecimal digits, lower case."),
    )


class Extensions(Schema):
    """What else clients send; what is not known here is theirs."""

    class Meta:
        unknown = ma.EXCLUDE

    persisted_query = fields.Nested(PersistedQuery, data_key="persistedQuery")


class GraphQLRequest(Schema):
    """One operation; ``query`` may be left out when a digest says which."""

    query = Text(allow_none=True, load_default=None)
    variables = fields.Dict(keys=fields.String(), allow_none=True, load_default=None)
    operation_name = Text(data_key="operationName", allow_none=True, load_default=None)
    extensions = fields.Nested(Extensions, allow_none=True, load_default=None)

    @ma.validates_schema
    def _something(self, data: dict[str, object], **_: object) -> None:
        if not (data.get("query") or data.get("extensions")):
            raise ma.ValidationError("Missing data for required field.", "query")
