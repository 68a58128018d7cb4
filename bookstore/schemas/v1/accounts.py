"""Tokens in v1."""

from marshmallow import fields

from bookstore.schemas.common import Text
from bookstore.schemas.v1.common import Schema


class CredentialsSchema(Schema):
    """Who logs in."""

    username = Text(required=True, max_length=64)
    password = Text(required=True, max_length=256)
    code = Text(
        max_length=64, metadata={"description": "Of the second factor, if the account has one."}
    )


class RefreshSchema(Schema):
    """A refresh token."""

    refresh = Text(required=True, max_length=4096)


class TokensSchema(Schema):
    """A pair of tokens."""

    access = fields.String()
    refresh = fields.String()
