"""What the shapes of v1 share. As lenient as such an API is: unknown fields are passed over, and
numbers may be text, since bodies may be forms."""

import re
from functools import cache
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from bookstore.schemas.common import MAX_ID, Price
from bookstore.schemas.dumping import Dumping
from bookstore.schemas.loading import Loading

_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_NUMBER = {"pattern": r"^\d+(\.\d+)?$", "example": "19.99"}


class Schema(Dumping, Loading):
    """Base: passes over the fields it does not know."""

    class Meta:
        unknown = ma.EXCLUDE


class Number(fields.Integer):
    """A whole number between two bounds, or its digits as text; 1.5 and true are none."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=low, max=high), **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            return int(value)
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class Key(Number):
    """The id of something."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(1, MAX_ID, **kwargs)


class Keys(fields.List[int]):
    """Ids of several; one alone will do, as forms send it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Key(), **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        found = [value] if isinstance(value, int | str) else value
        return super()._deserialize(found, attr, data, **kwargs)


class Amount(Price):
    """A price, as text or as a JSON number: 19.99 is read as it was written."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata=_NUMBER, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        text = str(value) if isinstance(value, int | float) and value is not True else value
        return super()._deserialize(text, attr, data, **kwargs)


class PageNumberQuery(Schema):
    """Which page. What is no number is passed over, for ``page_size``, or no page, for ``page``."""

    page = fields.String(
        load_default="1", metadata={"description": "From 1; `last` is the last one."}
    )
    page_size = fields.String(
        load_default="20", metadata={"description": "Rows a page, up to 100."}
    )


class RefusalSchema(Schema):
    """Why not: `detail` or `error` in words; when fields are wrong, also their messages by name."""

    class Meta:
        unknown = ma.INCLUDE

    detail = fields.String()
    error = fields.String()


@cache
def page_of(item: type[Schema]) -> type[ma.Schema]:
    """Return the schema of a page of ``item``, by number."""
    link = {"description": "null where there is none."}
    return Schema.from_dict(
        {
            "count": fields.Integer(required=True),
            "next": fields.Url(required=True, allow_none=True, metadata=link),
            "previous": fields.Url(required=True, allow_none=True, metadata=link),
            "results": fields.List(fields.Nested(item), required=True),
        },
        name=item.__name__.removesuffix("Schema") + "Page",
    )
