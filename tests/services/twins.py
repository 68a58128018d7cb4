"""A shop without a key: Stripe's library, with the stand-in behind it."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import stripe

from bookstore.config import Settings
from bookstore.gateways import stripe_twin
from bookstore.gateways.payments import Intent, Payments
from tests.conftest import SECRET

# Nobody listens there: events wait.
NOWHERE = 9


def twin_settings(home: Path, port: int = NOWHERE) -> Settings:
    """Return settings of a shop with its data in ``home``."""
    settings = Settings(bookstore_env="testing", bookstore_home=home, secret_key=SECRET)
    return replace(settings, port=port)


def twin(settings: Settings) -> Payments:
    """Return the shop's gateway as ``provider`` makes it, for these settings."""
    client = stripe.StripeClient(stripe_twin.API_KEY, http_client=stripe_twin.http_client(settings))
    return Payments(client, stripe_twin.webhook_secret(settings))


def new_intent(shop: Payments, *, amount: int = 1999, key: str = "pay", **metadata: str) -> Intent:
    """Return a new intent of a new customer."""
    customer = shop.create_customer(email="a@example.com", name="Ann", user_id=1, key=f"{key}-cus")
    return shop.create_intent(
        amount=amount, currency="usd", customer=customer, metadata=metadata, key=key
    )


def secret_of(intent: Intent) -> str:
    """Return its client secret."""
    assert intent.client_secret is not None
    return intent.client_secret


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    """Return what a query finds in the stand-in's file."""
    db = sqlite3.connect(settings.bookstore_home / "stripe.sqlite3", timeout=20)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def event_types(settings: Settings) -> list[str]:
    """Return the types of all events, oldest first."""
    return [str(row[0]) for row in rows(settings, "SELECT type FROM events ORDER BY seq")]
