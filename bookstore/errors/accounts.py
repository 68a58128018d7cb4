"""Refusals about logins, second factors and addresses."""

from bookstore.errors.base import BookstoreError, Conflict, Invalid, Unauthenticated


class TotpRequired(Unauthenticated):
    """This account has a second factor: send the code of the app, or a recovery code, as code."""

    code = "totp_required"


class TotpInvalid(Unauthenticated):
    """The code is wrong, too old, or has been used; wait for the next one."""

    code = "totp_invalid"


class TotpEnabled(Conflict):
    """The account has a second factor already; remove it first."""

    code = "totp_enabled"


class TotpNotEnabled(Conflict):
    """The account has no second factor that waits for this; start with POST /me/totp."""

    code = "totp_not_enabled"


class EmailVerified(Conflict):
    """The address has been verified already."""

    code = "email_verified"


class VerificationTokenInvalid(Invalid):
    """The link is not good (any more): links that verify an address work once, for three days."""

    code = "verification_token_invalid"


class LoginsBusy(BookstoreError):
    """Too many passwords are being checked at this moment; try again shortly."""

    code = "logins_busy"
    title = "Logins are busy"
