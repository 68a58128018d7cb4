"""What an API key needs for each field of the two roots; a field that is not here takes no key."""

from typing import Any

from strawberry.extensions import FieldExtension

from bookstore.services.scopes import Scope, require_scope

SCOPES: dict[str, Scope] = {
    **dict.fromkeys(
        ("all_books", "book", "all_authors", "author", "books_by_author", "books"), "catalog:read"
    ),
    **dict.fromkeys(("orders", "order"), "orders:read"),
    "create_book": "catalog:write",
    **dict.fromkeys(("place_order", "cancel_order", "advance_order"), "orders:write"),
}


class NeedsScope(FieldExtension):
    """Lets a key pass that has a scope, and whoever has no key; errors of ``require_scope``."""

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope

    def resolve(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        """Ask, then resolve."""
        require_scope(info.context.actor, self.scope)
        return next_(source, info, **kwargs)


def guard(*roots: Any) -> None:
    """Make every field of these types ask for its scope."""
    for root in roots:
        for field in root.__strawberry_definition__.fields:
            field.extensions.append(NeedsScope(SCOPES.get(field.python_name)))
