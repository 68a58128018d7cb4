"""/me/api-keys: what programs show instead of a login."""

from typing import Any

from bookstore import auth
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.v2.api_keys import (
    ApiKeyInput,
    ApiKeysSchema,
    RotationInput,
    ShownApiKeySchema,
)
from bookstore.services import api_keys

blp = Blueprint("api_keys", __name__, description="Keys, by which programs act for their owner")


@blp.post("/me/api-keys")
@requires("user")
@blp.arguments(ApiKeyInput)
@idempotent
@blp.response(201, ShownApiKeySchema)
def create(body: dict[str, Any]) -> Any:
    """Make a key, 25 at most (409 `api_key_limit`); its text is shown this once.

    It acts for you, within its scopes, and never may do more than you.
    """
    return _with_key(api_keys.create(auth.current_actor(), **body)), 201


@blp.get("/me/api-keys")
@requires("user")
@blp.response(200, ApiKeysSchema)
def list_keys() -> Any:
    """List one's keys, also the expired ones."""
    return {"data": api_keys.list_keys(auth.current_actor())}


@blp.delete("/me/api-keys/<id:key_id>")
@requires("user")
@blp.response(204)
def revoke(key_id: int) -> None:
    """Revoke a key: the next request with it is refused."""
    api_keys.revoke(auth.current_actor(), key_id)


@blp.post("/me/api-keys/<id:key_id>/rotate")
@requires("user")
@blp.arguments(RotationInput)
@idempotent
@blp.response(200, ShownApiKeySchema)
def rotate(body: dict[str, Any], key_id: int) -> Any:
    """Give a key a new secret, shown this once; the old one dies at once, or after a grace.

    Id, name, prefix and scopes stay. Rotated again, the secret before the last is dead.
    """
    return _with_key(api_keys.rotate(auth.current_actor(), key_id, **body))


def _with_key(shown: api_keys.Shown) -> dict[str, Any]:
    names = ShownApiKeySchema._declared_fields.keys() - {"key"}
    return {**{name: getattr(shown.row, name) for name in names}, "key": shown.key}
