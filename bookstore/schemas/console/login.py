"""The console's login form."""

from bookstore.schemas.common import Schema, Text


class LoginQuery(Schema):
    """Where a login leads to."""

    next = Text(max_length=2000)


class LoginForm(LoginQuery):
    """Who wants to enter, and where to."""

    username = Text(required=True, max_length=64)
    password = Text(required=True, max_length=256)
    code = Text(max_length=64)
