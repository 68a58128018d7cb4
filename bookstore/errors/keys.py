"""Refusals of API keys."""

from bookstore.errors.base import BookstoreError, Conflict, Forbidden, Unauthenticated


class ApiKeyInvalid(Unauthenticated):
    """The API key is not valid."""

    code = "api_key_invalid"


class ApiKeyExpired(ApiKeyInvalid):
    """The API key has expired."""

    code = "api_key_expired"


class ApiKeyRevoked(ApiKeyInvalid):
    """The API key was revoked, or replaced by a newer one."""

    code = "api_key_revoked"


class AmbiguousCredentials(BookstoreError):
    """Send Authorization or X-API-Key, not both."""

    code = "ambiguous_credentials"
    title = "Ambiguous credentials"


class InsufficientScope(Forbidden):
    """The API key was not made for this; ``scope`` names what it lacks."""

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"The API key lacks the scope {scope}.", scope=scope)


class LoginRequired(Forbidden):
    """No API key may do this: log in, and send the access token."""

    code = "login_required"


class ApiKeyLimit(Conflict):
    """An account has at most 25 API keys; revoke one first."""

    code = "api_key_limit"
