"""What an API key is for: of what its owner may do, only what it was made for."""

from bookstore import errors
from bookstore.models.api_keys import SCOPES as SCOPES, STAFF_SCOPES, Scope as Scope
from bookstore.services.actors import Acting, Actor


def require_scope(actor: Actor, scope: Scope | None) -> None:
    """Let whoever does not act by an API key pass, and a key that has ``scope``.

    Raises:
        LoginRequired: there is no scope for this, so no key may.
        InsufficientScope: the key lacks it.
    """
    if actor.key_id is None:
        return
    if scope is None:
        raise errors.LoginRequired
    if scope not in actor.scopes:
        raise errors.InsufficientScope(scope)


def require_grantable(actor: Acting, scopes: list[str]) -> None:
    """Raise Invalid unless the actor may do what a key with these scopes could be asked to."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise errors.Invalid({"scopes": [f"There is no scope {scope}." for scope in unknown]})
    beyond = sorted(STAFF_SCOPES & set(scopes))
    if beyond and not actor.is_staff:
        raise errors.Invalid({"scopes": [f"{scope} is for staff alone." for scope in beyond]})
