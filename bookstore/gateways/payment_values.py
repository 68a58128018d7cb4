"""What Stripe has, as plain values: intents, refunds, disputes, events.

Amounts are in the shop's minor units.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookstore import money


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment intent as Stripe has it; ``status`` in Stripe's words."""

    id: str
    status: str
    amount: int
    amount_received: int
    currency: str
    client_secret: str | None
    metadata: Mapping[str, str]
    failure_code: str | None
    next_action_url: str | None


@dataclass(frozen=True, slots=True)
class RefundState:
    """A refund as Stripe has it: pending, requires_action, succeeded, failed or canceled."""

    id: str
    status: str
    amount: int
    currency: str
    intent_id: str | None
    metadata: Mapping[str, str]
    failure: str | None


@dataclass(frozen=True, slots=True)
class DisputeState:
    """A dispute as Stripe has it; ``status`` and ``reason`` in Stripe's words."""

    id: str
    status: str
    reason: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Event:
    """A verified event: ``object`` is what it is about, as Stripe writes it.

    ``intent`` is the same, where it is about an intent.
    """

    id: str
    type: str
    created_at: datetime
    object: Mapping[str, Any]
    intent: Intent | None = None


def intent_from(data: Mapping[str, Any]) -> Intent:
    """Return an intent from Stripe's JSON."""
    currency = data["currency"]
    error = data.get("last_payment_error") or {}
    redirect = (data.get("next_action") or {}).get("redirect_to_url") or {}
    return Intent(
        id=data["id"],
        status=data["status"],
        amount=money.from_stripe(data["amount"], currency),
        amount_received=money.from_stripe(data.get("amount_received") or 0, currency),
        currency=currency,
        client_secret=data.get("client_secret"),
        metadata=dict(data.get("metadata") or {}),
        failure_code=error.get("decline_code") or error.get("code"),
        next_action_url=redirect.get("url"),
    )


def refund_from(data: Mapping[str, Any]) -> RefundState:
    """Return a refund from Stripe's JSON."""
    return RefundState(
        id=data["id"],
        status=data["status"] or "pending",
        amount=money.from_stripe(data["amount"], data["currency"]),
        currency=data["currency"],
        intent_id=data.get("payment_intent"),
        metadata=dict(data.get("metadata") or {}),
        failure=data.get("failure_reason"),
    )


def dispute_from(data: Mapping[str, Any]) -> DisputeState:
    """Return a dispute from Stripe's JSON."""
    amount, currency = money.from_stripe(data["amount"], data["currency"]), data["currency"]
    return DisputeState(data["id"], data["status"], data["reason"], amount, currency)
