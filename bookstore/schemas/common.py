"""Field types and shapes that every schema uses. Strict: no coercion from other JSON types."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from bookstore import countries, money
from bookstore.extensions import settings
from bookstore.schemas.dumping import Dumping, written_by
from bookstore.schemas.loading import Loading

MAX_ID = 2**63 - 1
# In the metadata of a field: answers need not have it. All others they have in any case.
SOMETIMES = {"x-sometimes": True}
# What a price may look like; how many places there may be is the currency's.
AMOUNT = r"^\d{1,12}(\.\d{1,3})?$"
# What both databases and Python's own arithmetic can hold with room to spare.
_FIRST_YEAR, _LAST_YEAR = 1, 9998
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


class Schema(Dumping, Loading):
    """Base: keeps the order of the fields and refuses the ones it does not know."""

    class Meta:
        unknown = ma.RAISE


class Text(fields.String):
    """A string that a database can store: no NUL, no half of a surrogate pair."""

    def __init__(
        self,
        *,
        min_length: int | None = None,
        max_length: int | None = None,
        strip: bool = False,
        **kwargs: Any,
    ) -> None:
        self.strip = strip
        given = kwargs.pop("validate", None) or []
        checks = [given] if callable(given) else list(given)
        if min_length is not None or max_length is not None:
            checks.insert(0, validate.Length(min=min_length, max=max_length))
        super().__init__(validate=checks, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
            raise ma.ValidationError("Contains a character that text cannot have.")
        return text.strip() if self.strip else text


class Whole(fields.Integer):
    """A whole number between two bounds; ``true``, ``1.0`` and ``"1"`` are not numbers here."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=low, max=high), **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class Id(Whole):
    """A positive whole number that fits a key."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(1, MAX_ID, **kwargs)


class QueryWhole(fields.Integer):
    """A whole number in a query string, where everything is text."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=low, max=high), **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdecimal()):
            raise self.make_error("invalid")
        return int(value[:20])


class QueryId(QueryWhole):
    """An id in a query string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(1, MAX_ID, **kwargs)


class Money(fields.String):
    """An amount: minor units inside, a decimal string such as "19.99" outside.

    The currency is the shop's. Input is a JSON string; a number is refused, since 19.99 is
    not a number that a computer has.
    """

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "example": "19.99",
            "pattern": r"^\d{1,12}(\.\d{1,3})?$",
            **kwargs.pop("metadata", {}),
        }
        super().__init__(metadata=metadata, **kwargs)

    @written_by(int, lambda minor, row: money.to_text(minor, currency_of(row)))
    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else money.to_text(value, currency_of(obj))

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            minor = money.to_minor(text, shop_currency())
        except ValueError as error:
            raise ma.ValidationError(str(error)) from None
        if minor > money.MAX_MINOR:
            raise ma.ValidationError("Too large an amount.")
        return minor


class Price(Money):
    """A price of one thing: an amount up to a million."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        minor = super()._deserialize(value, attr, data, **kwargs)
        if minor > money.highest_price(shop_currency()):
            raise ma.ValidationError("Too large a price.")
        return minor


class Percent(fields.String):
    """A percentage: thousandths of one inside, a decimal string such as "5.5" outside."""

    def __init__(self, **kwargs: Any) -> None:
        pattern = r"^0{0,9}(\d{1,2}(\.\d{1,3})?|100(\.0{1,3})?)$"
        metadata = {"example": "5.5", "pattern": pattern, **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else money.percent_text(value)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        try:
            return money.to_thousandths(super()._deserialize(value, attr, data, **kwargs))
        except ValueError as error:
            raise ma.ValidationError(str(error)) from None


def _instant_text(instant: datetime, _row: Any) -> str:
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat()[:-6] + "Z"


class Instant(fields.DateTime):
    """RFC 3339 to the microsecond: with ``Z`` in answers, with ``Z`` or an offset in requests."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        # A number of seconds is none, and neither is what fromisoformat takes beyond RFC 3339.
        if not (isinstance(value, str) and _INSTANT.fullmatch(value)):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        try:
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from None
        if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return instant

    @written_by(datetime, _instant_text)
    def _serialize(self, value: datetime | None, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else _instant_text(value, obj)


class Day(fields.Date):
    """An ISO date (YYYY-MM-DD)."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> date:
        # date.fromisoformat also takes weeks and days without dashes.
        if not (isinstance(value, str) and _DAY.fullmatch(value)):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        day: date = super()._deserialize(value, attr, data, **kwargs)
        if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return day


class Flag(fields.Boolean):
    """true or false; in a query string also 1 and 0."""

    truthy = {True, "true", "1"}
    falsy = {False, "false", "0"}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool | str):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class WebUrl(Text):
    """An http(s) URL without user information."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://."}
        super().__init__(validate=_web_url, metadata=metadata, **kwargs)


def _web_url(value: str) -> None:
    validate.URL(schemes={"http", "https"}, require_tld=False)(value)
    if "@" in value.split("/", 3)[2]:
        raise ma.ValidationError("Not a valid URL.")


def _require_country(code: str) -> None:
    why = countries.complaint(code)
    if why is not None:
        raise ma.ValidationError(why)


class Country(Text):
    """ISO 3166-1 alpha-2, in capitals: a code that a country has, or XK."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"example": "GB", "pattern": "^[A-Z]{2}$", **kwargs.pop("metadata", {})}
        super().__init__(validate=_require_country, metadata=metadata, **kwargs)


class TaxCategory(Text):
    """A class of goods that has tax rates of its own."""

    def __init__(self, *, min_length: int = 1, **kwargs: Any) -> None:
        check = validate.Regexp(r"^[a-z0-9_]*\Z", error="Lower-case letters, digits and _.")
        super().__init__(min_length=min_length, max_length=40, validate=check, **kwargs)


class PageQuery(Schema):
    """Keyset paging."""

    limit = QueryWhole(1, 100, load_default=20, metadata={"description": "Rows a page."})
    # A title of 500 letters of four bytes each, in base64.
    cursor = Text(max_length=4000, metadata={"description": "next_cursor of the page before."})
    count = Flag(load_default=False, metadata={"description": "Whether to add `total`."})


class Problem(Schema):
    """RFC 9457 problem details; some codes add members of their own."""

    class Meta:
        unknown = ma.INCLUDE

    type = fields.String(metadata={"description": "Where the code is explained."})
    title = fields.String()
    status = fields.Integer()
    detail = fields.String()
    instance = fields.String()
    code = fields.String(metadata={"description": "Stable; branch on this."})
    request_id = fields.String()
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "On 422: field → messages.", **SOMETIMES},
    )


@cache
def page_of(item: type[Schema]) -> type[ma.Schema]:
    """Return the schema of a page of ``item``."""
    name = item.__name__.removesuffix("Schema") + "Page"
    return Schema.from_dict(
        {
            "data": fields.List(fields.Nested(item), required=True),
            "next_cursor": fields.String(
                required=True, allow_none=True, metadata={"description": "null on the last page."}
            ),
            "total": fields.Integer(metadata={"description": "With count=true.", **SOMETIMES}),
        },
        name=name,
    )


def currency_of(obj: Any) -> str:
    """Return the currency an amount of ``obj`` is in: its own, else the shop's."""
    # A dict is one, as it is known without asking (which takes longer than all the rest).
    is_mapping = type(obj) is dict or isinstance(obj, Mapping)
    found = obj.get("currency") if is_mapping else getattr(obj, "currency", None)
    return found or shop_currency()


def shop_currency() -> str:
    """Return the shop's currency."""
    return settings().currency
