"""Reports on the wire."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from bookstore.schemas.common import Day, Id, Instant, Money, PageQuery, QueryWhole, Schema

_REVENUE = "Received for orders placed in the period, less refunds that have succeeded."
_AVERAGE = "Revenue by orders that money came in for; null without any."


class PeriodQuery(Schema):
    """Days in UTC, both included."""

    from_ = Day(data_key="from")
    to = Day()

    @validates_schema
    def _forward(self, data: dict[str, Any], **_: Any) -> None:
        if "from_" in data and "to" in data and data["from_"] > data["to"]:
            raise ValidationError("Before from.", "to")


class SalesSchema(Schema):
    """What was sold in a period: all its orders, and the money that came in for them."""

    from_ = fields.Date(data_key="from", attribute="from", allow_none=True)
    to = fields.Date(allow_none=True)
    revenue = Money(metadata={"description": _REVENUE})
    average_order_value = Money(allow_none=True, metadata={"description": _AVERAGE})
    currency = fields.String(metadata={"description": "The shop's; other money is left out."})
    orders = fields.Integer(metadata={"description": "All, paid or not."})
    orders_by_status = fields.Dict(keys=fields.String(), values=fields.Integer())


class TopBooksQuery(PeriodQuery):
    """How many, of which period."""

    limit = QueryWhole(1, 100, load_default=10)


class TopBookSchema(Schema):
    """One best seller."""

    rank = fields.Integer()
    book_id = Id()
    title = fields.String()
    copies = fields.Integer()
    revenue = Money(metadata={"description": "What the copies cost, before discounts and refunds."})


class TopBooksSchema(Schema):
    """Best sellers."""

    data = fields.List(fields.Nested(TopBookSchema))


class AbandonedCartsQuery(PageQuery, PeriodQuery):
    """Idle for how long."""

    idle_days = QueryWhole(1, 3650, load_default=7)


class AbandonedCartSchema(Schema):
    """A cart somebody left."""

    id = Id()
    user_id = Id(allow_none=True)
    username = fields.String(allow_none=True)
    items = fields.Integer()
    value = Money()
    currency = fields.String()
    updated_at = Instant()
