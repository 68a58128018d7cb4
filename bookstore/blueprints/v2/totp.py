"""/me/totp: a second factor for staff."""

from typing import Any

from bookstore import auth
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.v2.totp import (
    RecoverySchema,
    TotpConfirmSchema,
    TotpRemoveSchema,
    TotpSchema,
    TotpStateSchema,
)
from bookstore.services import totp

blp = Blueprint("totp", __name__, description="A second factor for staff (TOTP, RFC 6238)")


@blp.get("/me/totp")
@requires("user")
@blp.response(200, TotpStateSchema)
def get_state() -> Any:
    """Say whether the account has a second factor."""
    return totp.state(auth.current_actor())


@blp.post("/me/totp")
@requires("staff")
@idempotent
@blp.response(201, TotpSchema)
def enrol() -> Any:
    """Make a secret for an authenticator app. It counts once it is confirmed.

    One that was not confirmed is replaced; 409 `totp_enabled` when there is a confirmed one.
    """
    return totp.enrol(auth.current_actor())


@blp.post("/me/totp/confirm")
@requires("staff")
@blp.arguments(TotpConfirmSchema)
@blp.response(200, RecoverySchema)
def confirm(body: dict[str, str]) -> Any:
    """Show that the app has the secret: from now on, logins need a code.

    Keep the recovery codes on paper: each stands in for the app once.
    """
    return {"recovery_codes": totp.confirm(auth.current_actor(), body["code"])}


@blp.delete("/me/totp")
@requires("user")
@blp.arguments(TotpRemoveSchema)
@blp.response(204)
def remove(body: dict[str, str]) -> None:
    """Do without a second factor again; needs the password and a code (401 `totp_invalid`)."""
    totp.remove(auth.current_actor(), **body)
