"""The console's login form."""

from bookstore.schemas.common import Schema, Text


class LoginQuery(Schema):
    """Where a login leads to."""

    # Where it may not lead, however long that is, is no reason to let nobody in.
    next = Text()


class LoginForm(LoginQuery):
    """Who wants to enter, and where to."""

    username = Text(required=True, max_length=64)
    password = Text(required=True, max_length=256)
    code = Text(max_length=64)
