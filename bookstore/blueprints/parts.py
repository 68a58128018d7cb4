"""Which part of the shop each blueprint belongs to, when it runs as several services.

| part | what it serves |
|---|---|
| catalog | books and their pages, covers, authors, …, reviews, recommendations, GraphQL |
| users | accounts, logins, API keys, one's own devices and notifications, audit log |
| orders | carts, wishlists, orders, payments, webhooks, reports, jobs, sockets, pages, console |
| every one | health, metrics, documents |
"""

from flask import Blueprint

from bookstore.config import Settings
from bookstore.config.parts import CATALOG, ORDERS, USERS

PART = {
    "health": None,
    "metrics": None,
    "docs": None,
    **dict.fromkeys(
        (
            *("catalog", "covers", "records", "reviews", "recommendations", "graphql"),
            *("storage", "catalog_imports", "price_updates", "storefront"),
            *("v1_catalog", "v1_records", "v1_reviews"),
            "internal_catalog",
        ),
        CATALOG,
    ),
    **dict.fromkeys(
        (
            *("accounts", "api_keys", "sessions", "totp", "notifications", "v1_tokens", "audit"),
            "internal_users",
        ),
        USERS,
    ),
    **dict.fromkeys(
        (
            *("cart", "wishlist", "coupons", "orders", "shipping", "taxes", "payments"),
            *("sandbox", "live", "reports", "jobs", "webhooks"),
            *("v1_cart", "v1_wishlist", "v1_orders", "v1_payments"),
            *("tracker", "checkout", "console", "three_d_secure"),
            *("order_socket", "notification_socket", "job_socket"),
            "internal_orders",
        ),
        ORDERS,
    ),
}
"""Blueprint → its part; None: in every one."""


def is_here(blueprint: Blueprint, settings: Settings) -> bool:
    """Return whether a blueprint belongs to what this process serves."""
    part = PART[blueprint.name]
    return part is None or part in settings.parts
