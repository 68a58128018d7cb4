"""/auth and /me: accounts, tokens, one's own data."""

from typing import Any

from bookstore import auth
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.v2.accounts import (
    CredentialsSchema,
    ExportSchema,
    ForgottenSchema,
    ProfileSchema,
    RefreshSchema,
    RegisterSchema,
    ResetSchema,
    TokensSchema,
    UserSchema,
    VerifySchema,
)
from bookstore.services import accounts, email_verification, password_reset, sessions

blp = Blueprint("accounts", __name__, description="Accounts, tokens and one's own data")


@blp.post("/auth/register")
@requires("anyone", attempt="register")
@blp.arguments(RegisterSchema)
@idempotent
@blp.response(201, UserSchema)
def register(body: dict[str, Any]) -> Any:
    """Make an account. Its address is sent a mail with a link that verifies it."""
    return accounts.register(**body)


@blp.post("/auth/token")
@requires("anyone", attempt="login")
@blp.arguments(CredentialsSchema)
@blp.response(200, TokensSchema)
def log_in(body: dict[str, Any]) -> Any:
    """Log in: username and password for a pair of tokens.

    An account with a second factor needs a `code` too: 401 `totp_required` without it,
    `totp_invalid` when it is not good (any more). A guest's cart, named by `X-Cart-Token`, is
    merged into the account's. 503 `logins_busy` when too many log in at once.
    """
    return auth.tokens(accounts.log_in(**body, origin=auth.origin(), cart_token=auth.cart_token()))


@blp.post("/auth/token/refresh")
@requires("anyone", attempt="refresh")
@blp.arguments(RefreshSchema)
@blp.response(200, TokensSchema)
def refresh(body: dict[str, str]) -> Any:
    """Exchange a refresh token for a new pair.

    Each is good once; one used twice revokes the whole login (401 `token_reused`).
    """
    return auth.tokens(sessions.refresh(*auth.read_refresh(body["refresh"])))


@blp.post("/auth/logout")
@requires("user")
@blp.arguments(RefreshSchema)
@blp.response(204)
def log_out(body: dict[str, str]) -> None:
    """End the login that the refresh token belongs to."""
    session_id, _ = auth.read_refresh(body["refresh"])
    sessions.log_out(auth.current_actor(), session_id)


@blp.post("/auth/password-reset")
@requires("anyone", attempt="reset")
@blp.arguments(ForgottenSchema)
@blp.response(202)
def ask_for_reset(body: dict[str, str]) -> None:
    """Send a mail with a link to a new password.

    The answer is the same whether there is such an account or not. One mail a minute.
    """
    password_reset.request(body["email"])


@blp.post("/auth/password-reset/confirm")
@requires("anyone", attempt="reset")
@blp.arguments(ResetSchema)
@blp.response(204)
def confirm_reset(body: dict[str, str]) -> None:
    """Set a new password by the token of the mail, once and within an hour; ends every login.

    422 `reset_token_invalid` when the token is not good (any more).
    """
    password_reset.confirm(**body)


@blp.post("/auth/verify-email")
@requires("anyone")
@blp.arguments(VerifySchema)
@blp.response(204)
def verify_email(body: dict[str, str]) -> None:
    """Verify an address by the token of the mail, once and within three days.

    422 `verification_token_invalid` when the token is not good (any more).
    """
    email_verification.confirm(**body)


@blp.post("/me/verify-email")
@requires("user")
@blp.response(202)
def send_verification() -> None:
    """Send the mail that verifies one's address again. One mail a minute."""
    email_verification.send_again(auth.current_actor())


@blp.get("/me")
@requires("user")
@blp.response(200, UserSchema)
def get_me() -> Any:
    """Return the account that asks."""
    return accounts.get(auth.current_actor())


@blp.patch("/me")
@requires("user")
@blp.arguments(ProfileSchema)
@blp.response(200, UserSchema)
def update_me(body: dict[str, Any]) -> Any:
    """Change one's account. A new password ends every other login.

    A new address has to be verified; the old one is told of it by mail.
    """
    return accounts.update_profile(auth.current_actor(), body)


@blp.delete("/me")
@requires("user")
@blp.response(204)
def delete_me() -> None:
    """Anonymise the account and end every login. Its orders stay, with the
    address they were sent to: the shop has to keep its books."""
    accounts.delete_account(auth.current_actor())


@blp.get("/me/export")
@requires("user")
@blp.response(200, ExportSchema)
def export_me() -> Any:
    """Return everything the shop holds about the account."""
    return accounts.export(auth.current_actor())
