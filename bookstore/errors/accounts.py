"""Refusals about logins, second factors and addresses."""

from bookstore.errors.base import BookstoreError, Conflict, Invalid, Unauthenticated


class TokenExpired(Unauthenticated):
    """The token has expired.

    Exchange the refresh token for a new pair (POST /auth/token/refresh) and repeat the request.
    """

    code = "token_expired"


class TokenRevoked(Unauthenticated):
    """The token has been revoked.

    The login has ended, by logout, by a new password or in the list of sessions: log in again.
    """

    code = "token_revoked"


class TokenReused(Unauthenticated):
    """This refresh token was used before, so its whole family has been revoked.

    Somebody has a copy of the token, or two threads used it at once: log in again, and let one
    thread at a time refresh.
    """

    code = "token_reused"


class BadCredentials(Unauthenticated):
    """The username or the password is wrong.

    Ask the person again; do not repeat by yourself, since each wrong attempt makes the next one
    wait longer.
    """

    code = "bad_credentials"


class UsernameTaken(Conflict):
    """This username is taken.

    Let the person choose another name.
    """

    code = "username_taken"


class EmailTaken(Conflict):
    """There is an account with this email address already.

    Offer to log in, or to set a new password.
    """

    code = "email_taken"


class ResetTokenInvalid(Invalid):
    """The link is not good (any more): links to a new password work once, for an hour.

    Ask for a new mail (POST /auth/password-reset).
    """

    code = "reset_token_invalid"


class DeviceLimit(Conflict):
    """An account has at most 20 devices; remove one first.

    List the devices (GET /me/devices) and remove one that is no longer in use.
    """

    code = "device_limit"


class TotpRequired(Unauthenticated):
    """This account has a second factor: send the code of the app, or a recovery code, as code.

    Ask for the code and log in once more with `code` besides username and password.
    """

    code = "totp_required"


class TotpInvalid(Unauthenticated):
    """The code is wrong, too old, or has been used; wait for the next one.

    Let the person enter the code that the app shows next, or a recovery code that was not used
    before.
    """

    code = "totp_invalid"


class TotpEnabled(Conflict):
    """The account has a second factor already; remove it first.

    To move to another app, switch it off (DELETE /me/totp) and begin anew.
    """

    code = "totp_enabled"


class TotpNotEnabled(Conflict):
    """The account has no second factor that waits for this; start with POST /me/totp.

    Begin with POST /me/totp, then confirm with a code of the app.
    """

    code = "totp_not_enabled"


class EmailVerified(Conflict):
    """The address has been verified already.

    Nothing to do.
    """

    code = "email_verified"


class VerificationTokenInvalid(Invalid):
    """The link is not good (any more): links that verify an address work once, for three days.

    Ask for a new mail (POST /me/verify-email).
    """

    code = "verification_token_invalid"


class LoginsBusy(BookstoreError):
    """Too many passwords are being checked at this moment; try again shortly.

    Repeat after `Retry-After` seconds; nothing was counted as a wrong attempt.
    """

    code = "logins_busy"
    title = "Logins are busy"
