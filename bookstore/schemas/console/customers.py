"""Filters and forms of the console's customers."""

from marshmallow import validate

from bookstore.schemas.common import Flag, Schema, Text

BY = ("username", "email", "id")


class CustomerFilters(Schema):
    """Which customers a list shows."""

    q = Text(max_length=254)
    by = Text(validate=validate.OneOf(BY))
    staff = Flag()
    cursor = Text(max_length=4000)


class SessionForm(Schema):
    """Which login shall end; none: all of them."""

    session = Text(max_length=36)


class PremiumForm(Schema):
    """Whether somebody shall be a premium customer."""

    is_premium = Flag(required=True)


class StaffForm(Schema):
    """Whether somebody shall be staff, and their name, typed by who means it."""

    is_staff = Flag(required=True)
    username = Text(required=True, max_length=64)
