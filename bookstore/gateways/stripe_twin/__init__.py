"""A stand-in for Stripe inside the process, for shops without a key: test cards, no money.

The shop talks to it by Stripe's own library, through ``http_client``; what a browser would do at
Stripe is in ``browser``. What it holds stands in ``stripe.sqlite3`` in the data folder, shared by
all processes of the shop. Each change writes its event in the same transaction, and ``deliver_due``
posts events, signed as Stripe signs them, to the shop's own endpoint until it answers.
"""

from bookstore.gateways.stripe_twin.browser import (
    Outcome,
    UnknownIntent,
    WrongState,
    authenticate,
    confirm,
    find_waiting,
)
from bookstore.gateways.stripe_twin.keys import API_KEY, webhook_secret
from bookstore.gateways.stripe_twin.outbox import deliver_due
from bookstore.gateways.stripe_twin.server import http_client

__all__ = [
    "API_KEY",
    "webhook_secret",
    "http_client",
    "deliver_due",
    "Outcome",
    "UnknownIntent",
    "WrongState",
    "confirm",
    "authenticate",
    "find_waiting",
]
