"""Who may do what in API v2: a line a route. What the words mean is in ``authorisation``."""

from tests.api.authorisation import (
    OUTSIDE,
    READ,
    V1,
    WRITE,
    Row,
    lenient,
    open_,
    own,
    staff,
    user,
    visitor,
)

V2: dict[str, Row] = {
    # -- accounts ------------------------------------------------------------------------------
    "POST /auth/register": open_(),
    "POST /auth/token": open_(),
    "POST /auth/token/refresh": open_(),
    "POST /auth/logout": user(),
    "POST /auth/password-reset": open_(),
    "POST /auth/password-reset/confirm": open_(),
    "GET /me": user(),
    "PATCH /me": user(),
    "DELETE /me": user(spare=True),
    "GET /me/export": user(),
    "GET /me/api-keys": user(),
    "POST /me/api-keys": user(),
    "DELETE /me/api-keys/{key_id}": own("key_id"),
    "POST /me/api-keys/{key_id}/rotate": own("key_id"),
    "GET /me/sessions": user(),
    "DELETE /me/sessions": user(spare=True),
    "DELETE /me/sessions/{session_id}": own("session_id"),
    "GET /me/totp": user(),
    "POST /me/totp": staff(),
    "POST /me/totp/confirm": staff(),
    "DELETE /me/totp": user(),
    "POST /auth/verify-email": open_(),
    "POST /me/verify-email": user(),
    "GET /audit-log": staff(),
    "GET /me/devices": user(),
    "POST /me/devices": user(),
    "DELETE /me/devices/{device_id}": own("device_id"),
    "GET /me/notifications": user(),
    "POST /me/notifications/read-all": user(),
    "POST /me/notifications/{notification_id}/read": own("notification_id"),
    "GET /me/preferences": user(),
    "GET /me/recommendations": user(),
    "PATCH /me/preferences": user(),
    # -- catalogue -----------------------------------------------------------------------------
    "GET /books": visitor(READ),
    "POST /books": staff(WRITE),
    "GET /books/bestsellers": visitor(READ),
    "GET /books/suggest": visitor(READ),
    "GET /books/{book_id}/recommendations": visitor(READ),
    "GET /books/{book_id}": visitor(READ),
    "PATCH /books/{book_id}": staff(WRITE),
    "DELETE /books/{book_id}": staff(WRITE),
    "GET /books/{book_id}/cover": staff(READ),
    "POST /books/{book_id}/cover": staff(WRITE),
    "POST /books/{book_id}/cover/complete": staff(WRITE),
    "POST /catalog/imports": staff(WRITE),
    "POST /recommendations/fits": staff(WRITE),
    "GET /catalog/price-updates": staff(READ),
    "POST /catalog/price-updates": staff(WRITE),
    "GET /catalog/price-updates/{update_id}": staff(READ),
    "GET /catalog/price-updates/{update_id}/rows": staff(READ),
    "POST /catalog/price-updates/{update_id}/apply": staff(WRITE),
    "POST /catalog/price-updates/{update_id}/undo": staff(WRITE),
    **{
        f"{method} /{many}{more}": visitor(READ) if method == "GET" else staff(WRITE)
        for many in ("authors", "categories", "publishers")
        for more, methods in (("", "GET POST"), ("/{record_id}", "GET PATCH DELETE"))
        for method in methods.split()
    },
    "GET /books/{book_id}/reviews": visitor(READ),
    "POST /books/{book_id}/reviews": user(),
    "PATCH /books/{book_id}/reviews/{review_id}": own("book_id", "review_id", body={"rating": 4}),
    "DELETE /books/{book_id}/reviews/{review_id}": own("book_id", "review_id", staff=True),
    # -- buying: one's own cart is whoever's asks, or a guest's by its token ---------------------
    "GET /cart": visitor(),
    "DELETE /cart": visitor(),
    "PUT /cart/coupon": visitor(),
    "DELETE /cart/coupon": visitor(),
    "POST /cart/items": visitor(),
    "PATCH /cart/items/{book_id}": visitor(),
    "DELETE /cart/items/{book_id}": visitor(),
    "POST /cart/quote": visitor(),
    "GET /wishlist": user(),
    "POST /wishlist/items": user(),
    "PATCH /wishlist/items/{book_id}": user(),
    "DELETE /wishlist/items/{book_id}": user(),
    "POST /wishlist/items/{book_id}/move-to-cart": user(),
    # -- orders --------------------------------------------------------------------------------
    "GET /orders": user("orders:read"),
    "GET /orders?all=true": staff("orders:read"),
    "POST /orders": user("orders:write"),
    "GET /orders/{order_id}": own("order_id", scope="orders:read", staff=True),
    "GET /orders/{order_id}/events": own("order_id", scope="orders:read", staff=True),
    "GET /orders/{order_id}/invoice": own("order_id", scope="orders:read", staff=True),
    "GET /orders/{order_id}/stream": own("order_id", scope="orders:read", staff=True, by="HEAD"),
    "POST /orders/{order_id}/cancel": own("order_id", scope="orders:write", staff=True),
    "POST /orders/{order_id}/status": staff("orders:write"),
    "POST /orders/{order_id}/payment-intent": own("order_id"),
    "GET /orders/{order_id}/refunds": own("order_id", scope="orders:read", staff=True),
    "POST /orders/{order_id}/refunds": staff("orders:write"),
    "POST /payments/stripe/events": open_(),
    "POST /payments/test/confirm": own(
        "secret", body={"client_secret": "{secret}", "card_number": "4242424242424242"}
    ),
    "POST /ws/tickets": user(),
    # -- running the shop ------------------------------------------------------------------------
    "GET /shipping-methods": visitor(READ),
    "GET /shipping-methods/{method_id}": visitor(READ),
    **{
        f"{method} /{many}{more}": staff()
        for many, one, reads in (
            ("coupons", "/{coupon_id}", True),
            ("tax-rates", "/{rate_id}", True),
            ("shipping-methods", "/{method_id}", False),
        )
        for more, methods in (("", "GET POST"), (one, "GET PATCH DELETE"))
        for method in methods.split()
        if reads or method != "GET"
    },
    "GET /reports/sales": staff("reports"),
    "GET /reports/top-books": staff("reports"),
    "GET /reports/abandoned-carts": staff("reports"),
    "POST /reports/books/{book_id}": staff("reports"),
    # Whatever kinds a key has the scope of are listed; of others it is told nothing.
    "GET /jobs": lenient(user("reports")),
    "GET /jobs?all=true": lenient(staff("reports")),
    "GET /jobs/{job_id}": own("job_id", scope="reports", staff=True),
    "GET /jobs/{job_id}/files/{name}": own("job_id", scope="reports", staff=True),
    "POST /jobs/{job_id}/cancel": own("job_id", scope="reports", staff=True),
    "GET /webhooks/endpoints": staff("webhooks"),
    "POST /webhooks/endpoints": staff("webhooks"),
    "GET /webhooks/endpoints/{endpoint_id}": staff("webhooks"),
    "PATCH /webhooks/endpoints/{endpoint_id}": staff("webhooks"),
    "DELETE /webhooks/endpoints/{endpoint_id}": staff("webhooks"),
    "GET /webhooks/endpoints/{endpoint_id}/deliveries": staff("webhooks"),
    "POST /webhooks/endpoints/{endpoint_id}/replay": staff("webhooks"),
    "POST /webhooks/endpoints/{endpoint_id}/rotate-secret": staff("webhooks"),
    "POST /webhooks/endpoints/{endpoint_id}/test": staff("webhooks"),
    "GET /webhooks/deliveries/{delivery_id}": staff("webhooks"),
    "POST /webhooks/deliveries/{delivery_id}/redeliver": staff("webhooks"),
    "GET /webhooks/event-types": staff("webhooks"),
    "GET /events": staff("webhooks"),
    "GET /events/{event_id}": staff("webhooks"),
}


def table() -> dict[str, Row]:
    """Return every row by ``METHOD /path``."""
    return {
        **{key.replace(" /", " /api/v2/", 1): row for key, row in V2.items()},
        **{key.replace(" /", " /api/v1/", 1): row for key, row in V1.items()},
        **OUTSIDE,
    }
