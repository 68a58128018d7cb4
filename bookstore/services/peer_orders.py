"""What the other parts of the shop ask the orders part: here, or over HTTP where it is.

Whoever asks cannot tell which, but for the time it takes, and for ``PartUnavailable``.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from bookstore import errors
from bookstore.extensions import settings
from bookstore.gateways import peers
from bookstore.gateways.peer_values import PeerItem, PeerOrder
from bookstore.models import Order
from bookstore.services import idempotency, order_creation, orders, shipping
from bookstore.services.actors import SERVICE
from bookstore.services.idempotency import Answer


def create_order(
    user_id: int,
    items: Sequence[Mapping[str, int]],
    shipping_address: Mapping[str, Any],
    *,
    shipping_method: str = shipping.STANDARD,
    key: str | None = None,
) -> PeerOrder:
    """Order copies for a user, whatever is in their cart.

    Args:
        user_id: whose order it is.
        items: {book_id, quantity} each.
        shipping_address: name, line1, line2, city, region, postal_code, country.
        shipping_method: code of a method.
        key: the same key is the same order, for 24 hours. Unset, it is that of the request that
            this is a part of; another part gets it sent on.

    Raises:
        IdempotencyKeyReused, IdempotencyInProgress: as ``idempotency.run``.
        PartUnavailable: a part that is needed does not answer.
        BookstoreError: as ``order_creation.create``.
    """
    asked: dict[str, Any] = {
        "user_id": user_id,
        "items": [dict(item) for item in items],
        "shipping_address": dict(shipping_address),
        "shipping_method": shipping_method,
    }
    remote = peers.orders()
    if remote is not None:
        return remote.create_order(asked, key or idempotency.current_key() or _new_key())
    if key is None:
        # Should this be part of a request that has a key, it is done in its transaction.
        return value_of(order_creation.create(SERVICE, **asked))
    return _once(asked, key)


def _new_key() -> str:
    return secrets.token_hex(16)


def _once(asked: Mapping[str, Any], key: str) -> PeerOrder:
    """Make the order of that key, or return the one that there is."""
    body = json.dumps(asked, sort_keys=True).encode()
    secret = settings().resolved_secret_key()

    def work() -> Answer:
        made = order_creation.create(SERVICE, **asked)
        return Answer(201, {}, json.dumps({"id": made.id}).encode())

    def refused(error: errors.BookstoreError) -> Answer:
        problem = {"code": error.code, "detail": error.detail, **error.extra}
        return Answer(409, {}, json.dumps(problem).encode())

    answer = idempotency.run(
        idempotency.Request("service", "create_order", key, idempotency.fingerprint(secret, body)),
        work,
        refused,
    )
    told = json.loads(answer.body)
    if answer.status != 201:
        raise errors.from_problem(told)
    return get_order(told["id"])


def get_order(order_id: int) -> PeerOrder:
    """Return an order.

    Raises:
        NotFound: there is no such order.
        PartUnavailable: the orders part does not answer.
    """
    remote = peers.orders()
    return value_of(orders.get(SERVICE, order_id)) if remote is None else remote.get_order(order_id)


def value_of(order: Order) -> PeerOrder:
    """Return what the other parts see of an order."""
    return PeerOrder(
        id=order.id,
        number=order.number,
        user_id=order.user_id,
        status=order.status,
        payment_status=order.payment_status,
        items=tuple(
            PeerItem(item.book_id, item.title, item.quantity, item.price) for item in order.items
        ),
        total_amount=order.total_amount,
        currency=order.currency,
        version=order.version,
    )
