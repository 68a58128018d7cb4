"""Mutations of staff are noted in the audit log: all but those that anybody has of their own."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from strawberry.extensions import FieldExtension

from bookstore.graphql.context import Info
from bookstore.services import audit

AS_CUSTOMER = frozenset(
    {
        "add_to_cart",
        "set_cart_quantity",
        "remove_from_cart",
        "clear_cart",
        "put_coupon",
        "remove_coupons",
        "add_to_wishlist",
        "set_wishlist_notes",
        "remove_from_wishlist",
        "move_to_cart",
        "post_review",
        "place_order",
        "create_payment_intent",
    }
)


class Audited(FieldExtension):
    """Notes one mutation. On every one of them: ``schema`` sees to that."""

    def __init__(self, name: str) -> None:
        self._name = name

    def resolve(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        """Run it."""
        with self._noted(info, kwargs):
            return next_(source, info, **kwargs)

    def _noted(self, info: Info, given: dict[str, Any]) -> AbstractContextManager[None]:
        actor = info.context.actor
        if not actor.is_staff or actor.id is None or self._name in AS_CUSTOMER:
            return nullcontext()
        return audit.acting(
            actor,
            f"graphql.{self._name}",
            address=info.context.address,
            detail=lambda: audit.fields({k: str(v) for k, v in given.items() if v is not None}),
        )
