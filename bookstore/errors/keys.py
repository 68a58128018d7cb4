"""Refusals of API keys."""

from bookstore.errors.base import BookstoreError, Conflict, Forbidden, Unauthenticated


class ApiKeyInvalid(Unauthenticated):
    """The API key is not valid.

    Look for a typo: a key is `bk_`, eight characters, `_` and 38 more. Make a new one if it is
    lost.
    """

    code = "api_key_invalid"


class ApiKeyExpired(ApiKeyInvalid):
    """The API key has expired.

    Make a new one (POST /me/api-keys), with a later `expires_at`.
    """

    code = "api_key_expired"


class ApiKeyRevoked(ApiKeyInvalid):
    """The API key was revoked, or replaced by a newer one.

    Use the newer one, or make one (POST /me/api-keys).
    """

    code = "api_key_revoked"


class AmbiguousCredentials(BookstoreError):
    """Send Authorization or X-API-Key, not both.

    Leave one of the two away.
    """

    code = "ambiguous_credentials"
    title = "Ambiguous credentials"


class InsufficientScope(Forbidden):
    """The API key was not made for this; ``scope`` names what it lacks.

    Make a key that has the scope that `scope` names.
    """

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"The API key lacks the scope {scope}.", scope=scope)


class LoginRequired(Forbidden):
    """No API key may do this: log in, and send the access token.

    Log in as the person (POST /auth/token).
    """

    code = "login_required"


class ApiKeyLimit(Conflict):
    """An account has at most 25 API keys; revoke one first.

    Look which ones nobody uses (`last_used_at` in GET /me/api-keys) and revoke one.
    """

    code = "api_key_limit"
