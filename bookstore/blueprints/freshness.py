"""Which requests may read from a replica, and whose writes are noted.

What is asked with GET or HEAD, and GraphQL's queries, unless it stands in ``PRIMARY``. Whatever
else somebody asks may have written, also when it was refused.
"""

from typing import Any

from flask import Response, g, request
from flask.globals import request_ctx

from bookstore import auth
from bookstore.services import reading

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_TOLD = "asked on the word of a webhook, a socket or a message, which may be ahead of a replica"
# Endpoint → why it is read from the primary.
PRIMARY = {
    "live.stream": "what comes after the state it begins with is only what is newer",
    "notifications.list_notifications": _TOLD,
    "orders.get_events": _TOLD,
    "orders.get_invoice": _TOLD,
    "orders.get_order": _TOLD,
    "payments.list_refunds": _TOLD,
    "v1_orders.get_order": _TOLD,
    "webhooks.get_delivery": _TOLD,
    "webhooks.get_event": _TOLD,
    "webhooks.list_events": "goes on behind an event that was told by a webhook",
}


def begin() -> None:
    """Read from a replica in this request, if it may; it is known who asks."""
    asked = request_ctx.request
    if asked.method in SAFE and asked.endpoint not in PRIMARY:
        reading.begin(auth.current_actor())


def finish(response: Response) -> None:
    """Note who has written, before they have the answer."""
    if request.method in SAFE or g.get("only_reads", False):
        return
    reading.wrote(auth.current_actor())
    token: Any = response.headers.get("X-Cart-Token")
    if token is not None:
        reading.opened_cart(token)


def only_reads() -> None:
    """Say that this request, in spite of its method, has not written."""
    g.only_reads = True
