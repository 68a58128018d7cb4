"""/api/token/ and /api/token/refresh/."""

from typing import Any

from bookstore import auth
from bookstore.blueprints.v1.base import Blueprint, replaced_by, requires
from bookstore.schemas.v1.accounts import CredentialsSchema, RefreshSchema, TokensSchema
from bookstore.services import accounts, sessions

blp = Blueprint("v1_tokens", __name__, description="Logging in")


@blp.post("/token/")
@replaced_by("POST /auth/token")
@requires("anyone", attempt="login")
@blp.arguments(CredentialsSchema)
@blp.response(200, TokensSchema)
def log_in(body: dict[str, Any]) -> Any:
    """Log in: username and password for a pair of tokens.

    An account with a second factor needs its `code` too. `access` is good for an hour and goes
    into `Authorization: Bearer`; `refresh` for 30 days.
    """
    return auth.tokens(accounts.log_in(**body, origin=auth.origin(), cart_token=auth.cart_token()))


@blp.post("/token/refresh/")
@replaced_by("POST /auth/token/refresh")
@requires("anyone", attempt="refresh")
@blp.arguments(RefreshSchema)
@blp.response(200, TokensSchema)
def refresh(body: dict[str, str]) -> Any:
    """Exchange a refresh token for a new pair; each is good once."""
    return auth.tokens(sessions.refresh(*auth.read_refresh(body["refresh"])))
