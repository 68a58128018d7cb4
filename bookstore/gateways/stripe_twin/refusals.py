"""What the stand-in refuses, in the shape of Stripe's errors."""

from typing import Any

from bookstore.gateways.stripe_twin.store import Json


class Refusal(Exception):
    """An answer that is an error; ``error`` is its body's member of that name.

    ``kept``: whether the request's idempotency key answers so for good. Stripe keeps what came
    of the work, and not what was refused before there was any.
    """

    def __init__(self, status: int, *, kept: bool = False, **error: Any) -> None:
        super().__init__(error.get("message"))
        self.status, self.kept = status, kept
        self.error: Json = {"type": "invalid_request_error", **error}


def missing(kind: str, wanted: str, param: str) -> Refusal:
    """Return the refusal of an id that nothing has."""
    message = f"No such {kind}: '{wanted}'"
    return Refusal(404, code="resource_missing", message=message, param=param)


def wrong_state(verb: str, intent: Json, allowed: tuple[str, ...]) -> Refusal:
    """Return the refusal to do this to an intent that is where it is."""
    return Refusal(
        400,
        kept=True,
        code="payment_intent_unexpected_state",
        message=f"You cannot {verb} this PaymentIntent because it has a status of"
        f" {intent['status']}. Only a PaymentIntent with one of the following statuses may be"
        f" {verb}ed: {', '.join(allowed)}.",
        payment_intent=intent,
    )
