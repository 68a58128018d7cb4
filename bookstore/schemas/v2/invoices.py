"""Invoices, as their page shows them."""

from marshmallow import fields

from bookstore.schemas.common import Money, Schema
from bookstore.schemas.v2.orders import OrderSchema


class SellerSchema(Schema):
    """Who sells."""

    name = fields.String()
    lines = fields.List(fields.String())
    tax_id = fields.String(allow_none=True)
    email = fields.String(allow_none=True)


class InvoiceRefundSchema(Schema):
    """Money given back."""

    amount = Money()
    currency = fields.String()
    status = fields.String()
    reason = fields.String()
    date = fields.Date(attribute="created_at")


class InvoiceSchema(Schema):
    """An order, who sold it, and what was given back."""

    seller = fields.Nested(SellerSchema)
    order = fields.Nested(OrderSchema)
    refunds = fields.List(fields.Nested(InvoiceRefundSchema))
    date = fields.Date()
    paid = Money()
    due = Money()
    refunded = Money()
    kept = Money()
