"""Who may do what: the kinds of routes there are, and the routes outside API v2, one line each.

A new route needs a row, here or (API v2) in ``authorisation_v2``. ``test_authorisation`` sends
each route requests of everybody in ``CALLERS``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

CALLERS = ("guest", "owner", "other", "staff", "key", "other key", "lacking key")
"""Nobody known; who owns the thing; another customer; staff; a key that has the scope, of the
owner or (where only staff may) of staff; such a key of the other; a key with every scope but that.
Where no key may, the keys have all scopes."""

ALLOWED = "allowed"
"""It got past who may: whatever was answered is about the thing, its state or the body."""


@dataclass(frozen=True)
class Row:
    """What a route does with each caller: ALLOWED, or the status of the refusal.

    ``things``: parameters of the path that are one's own, made anew for each request. ``body``
    may name such a thing, ``"{order_id}"``. ``fine``: codes of 401 or 403 that are about
    something else than who asks. ``spare``: callers that may be used up. ``by``: another method
    that shows the same, where this one needs more than a request.
    """

    expected: Mapping[str, object]
    scope: str | None = None
    things: tuple[str, ...] = ()
    body: Any = None
    fine: tuple[str, ...] = ()
    spare: bool = False
    by: str | None = None
    staff_only: bool = False
    is_service: bool = False


def _expected(guest: object, owner: object, other: object, staff: object, scope: object) -> Any:
    """Fill in what keys get: what their owners get, or 403 when no scope is for it."""
    keys = {"key": owner, "other key": other} if scope else {"key": 403, "other key": 403}
    people = {"guest": guest, "owner": owner, "other": other, "staff": staff}
    return {**people, **keys, "lacking key": 403}


def open_(**more: Any) -> Row:
    """Not asked who it is."""
    return Row(dict.fromkeys(CALLERS, ALLOWED), **more)


def visitor(scope: str | None = None, **more: Any) -> Row:
    """Guests too; who shows a key needs the scope."""
    return Row(_expected(ALLOWED, ALLOWED, ALLOWED, ALLOWED, scope), scope, **more)


def user(scope: str | None = None, **more: Any) -> Row:
    """Who is logged in."""
    return Row(_expected(401, ALLOWED, ALLOWED, ALLOWED, scope), scope, **more)


def own(*things: str, scope: str | None = None, staff: bool = False, **more: Any) -> Row:
    """Whose things these are, and staff if so; for others they are not there."""
    expected = _expected(401, ALLOWED, 404, ALLOWED if staff else 404, scope)
    return Row(expected, scope, things, **more)


def staff(scope: str | None = None, **more: Any) -> Row:
    """Staff; a key needs the scope, and an owner who is staff now."""
    expected = _expected(401, 403, 403, ALLOWED, scope)
    if scope:
        expected["key"] = ALLOWED
    return Row(expected, scope, staff_only=True, **more)


def lenient(row: Row) -> Row:
    """As a row, but a key that lacks the scope is let in, and finds nothing."""
    return replace(row, expected={**row.expected, "lacking key": ALLOWED})


def service() -> Row:
    """Other parts of the shop, by SERVICE_TOKEN: neither logins nor keys."""
    return Row(dict.fromkeys(CALLERS, 401), is_service=True)


def upgrade() -> Row:
    """Where a WebSocket is: a plain request is told so, whoever sends it."""
    return Row(dict.fromkeys(CALLERS, 426))


READ, WRITE = "catalog:read", "catalog:write"

V1: dict[str, Row] = {
    "GET /books/": visitor(READ),
    "POST /books/": staff(WRITE),
    "GET /books/{book_id}/": visitor(READ),
    "PUT /books/{book_id}/": staff(WRITE),
    "PATCH /books/{book_id}/": staff(WRITE),
    "DELETE /books/{book_id}/": staff(WRITE),
    "GET /books/{book_id}/reviews/": visitor(READ),
    "GET /books/available/": visitor(READ),
    "GET /books/bestsellers/": visitor(READ),
    **{
        f"{method} /{many}/{more}": visitor(READ) if method == "GET" else staff(WRITE)
        for many in ("authors", "categories", "publishers")
        for more, methods in (("", "GET POST"), ("{record_id}/", "GET PUT PATCH DELETE"))
        for method in methods.split()
    },
    "GET /reviews/": visitor(READ),
    "POST /reviews/": user(),
    "GET /reviews/{review_id}/": visitor(READ),
    "PUT /reviews/{review_id}/": own("review_id", body={"rating": 4}),
    "PATCH /reviews/{review_id}/": own("review_id", body={"rating": 4}),
    "DELETE /reviews/{review_id}/": own("review_id", staff=True),
    "GET /cart/": user(),
    "POST /cart/add_item/": user(),
    "DELETE /cart/remove_item/": user(),
    "GET /wishlist/": user(),
    "POST /wishlist/add_item/": user(),
    "DELETE /wishlist/remove_item/": user(),
    "GET /orders/": user("orders:read"),
    "GET /orders/{order_id}/": own("order_id", scope="orders:read", staff=True),
    "POST /orders/create_from_cart/": user("orders:write"),
    "POST /payments/create_payment_intent/": own("order_id", body={"order_id": "{order_id}"}),
}

OUTSIDE: dict[str, Row] = {
    "POST /api/token/": open_(),
    "POST /api/token/refresh/": open_(),
    # Documents, pages and their files: the pages' scripts log in as anybody does.
    "GET /": open_(),
    "GET /api/{version}/docs": open_(),
    "GET /api/{version}/openapi.json": open_(),
    "GET /api/docs-assets/{name}": open_(),
    "GET /api/docs-start.js": open_(),
    "GET /problems/{code}": open_(),
    "GET /books/{book_id}": open_(),
    "GET /orders": open_(),
    "GET /login": open_(),
    "GET /register": open_(),
    "GET /checkout": open_(),
    "GET /reset-password": open_(),
    "GET /verify-email": open_(),
    "GET /track/{number}": open_(),
    "GET /track/assets/{name}": open_(),
    "GET /payments/test/3ds/{token}": open_(),
    "POST /payments/test/3ds/{token}": open_(),
    # For machines. /metrics has a token of its own: tests/api/test_metrics.py.
    "GET /healthz": open_(),
    "GET /readyz": open_(),
    "GET /metrics": open_(),
    # Covers are for all; what is not signed is refused, whoever asks.
    "GET /covers/{name}.webp": open_(),
    "GET /storage/{key}": open_(fine=("storage_refused",)),
    "POST /storage": open_(fine=("storage_refused",)),
    # Each field asks for its own scope: tests/graphql/test_scopes.py.
    "GET /graphql/": open_(),
    "POST /graphql/": open_(),
    "GET /internal/books": service(),
    "POST /internal/orders": service(),
    "GET /internal/orders/{order_id}": service(),
    "GET /internal/users/{user_id}": service(),
    # The sockets themselves (WS) are asked by tests/sockets/test_keys.py, of a shop that runs.
    "GET /ws/notifications": upgrade(),
    "GET /ws/orders/{order_id}": upgrade(),
    "GET /ws/jobs/{job_id}": upgrade(),
    "WS /ws/jobs/{job_id}": own("job_id", scope="reports", staff=True),
    "WS /ws/notifications": user(),
    "WS /ws/orders/{order_id}": own("order_id", scope="orders:read", staff=True),
}
