"""Which requests are acts of staff: each one that writes, but for what staff does as a customer."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import orjson
from flask import request

from bookstore.services import audit
from bookstore.services.actors import Actor

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
# What everybody does with what is their own. Not here, so noted when staff does it: everything
# that is new.
AS_CUSTOMER = frozenset(
    {
        "accounts.log_out",
        "live.issue_ticket",
        "orders.place",
        "payments.open_intent",
        "reviews.post",
        "sandbox.confirm",
        "v1_orders.create_from_cart",
        "v1_payments.create_payment_intent",
        "v1_reviews.post",
        # Its mutations are noted one by one.
        "graphql.graphql",
    }
)
_OF_CUSTOMERS = frozenset({"cart", "wishlist", "notifications", "v1_cart", "v1_wishlist"})
_UNNOTED = nullcontext()
# Names in addresses that are longer elsewhere.
_KINDS = {
    "endpoint": "webhook_endpoint",
    "delivery": "webhook_delivery",
    # And of the console's pages.
    "customer": "user",
    "price": "book",
    "stock": "book",
    "update": "price_update",
    "webhook": "webhook_endpoint",
}
# What makes a form the console's own, and says nothing of what it does.
_OF_FORMS = frozenset({"csrf", "form", "key", "version"})


def audited(actor: Actor) -> AbstractContextManager[None]:
    """Have the present request noted, if it is an act of staff and writes anything.

    Another part of the shop (``SERVICE``) is no member of staff: what it passes on was noted, or is
    a customer's.
    """
    # Most are nobody of staff, which is known without the request.
    if not actor.is_staff or actor.id is None or request.method in _READS:
        return _UNNOTED
    endpoint = request.endpoint or ""
    if endpoint in AS_CUSTOMER or (request.blueprint or "") in _OF_CUSTOMERS:
        return _UNNOTED
    return audit.acting(
        actor,
        endpoint,
        address=request.remote_addr,
        target=_target(actor),
        detail=lambda: audit.fields(_body()),
    )


def _target(actor: Actor) -> audit.Target | None:
    """Return what the address names last: ``/orders/5/refunds`` is about order 5."""
    rule = request.url_rule.rule if request.url_rule else ""
    # (segment before a parameter, parameter)
    found = re.findall(r"/([a-z-]+)/<(?:\w+:)?(\w+)>", rule)
    if not found:
        return ("user", str(actor.id)) if "/me" in rule else None
    segment, parameter = found[-1]
    name = segment.replace("-", "_")
    kind = f"{name.removesuffix('ies')}y" if name.endswith("ies") else name.removesuffix("s")
    return _KINDS.get(kind, kind), str((request.view_args or {})[parameter])


def _body() -> Mapping[str, Any]:
    if request.form:
        return {name: text for name, text in request.form.items() if name not in _OF_FORMS}
    try:
        found = orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
