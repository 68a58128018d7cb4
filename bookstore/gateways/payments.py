"""Payments by Stripe: plain values in and out, every call with a timeout and our own key.

Amounts here are in the shop's minor units; Stripe's differ for a few currencies, and nobody else
has to know. Without a key the same client talks to the embedded stand-in.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import stripe

from bookstore import money
from bookstore.config import Settings
from bookstore.extensions import settings as current_settings
from bookstore.gateways.payment_errors import PaymentError as PaymentError, translated
from bookstore.gateways.payment_http import TracedClient
from bookstore.gateways.payment_keys import ask
from bookstore.gateways.payment_values import (
    DisputeState as DisputeState,
    Event as Event,
    Intent as Intent,
    RefundState as RefundState,
    dispute_from,
    intent_from,
    refund_from,
)

# At DEBUG and INFO it writes parameters and answers, client secrets among them.
logging.getLogger("stripe").setLevel(logging.WARNING)

# A request thread waits meanwhile: 27 s at worst, once for the customer and once for the intent.
# The leases of those who ask outlast it.
CONNECT_SECONDS, READ_SECONDS, RETRIES = 3.0, 10.0, 1
# How old a signed event may be: who records one cannot send it again next week.
TOLERANCE_SECONDS = 300
# What the library makes of a body that was signed and is no event.
_MISSHAPEN = (ValueError, KeyError, TypeError, AttributeError)


class BadEvent(Exception):
    """Not an event that Stripe signed for us, or signed too long ago."""


class Payments:
    """What the shop asks of Stripe."""

    def __init__(self, client: stripe.StripeClient, webhook_secret: str) -> None:
        self._client, self._secret = client, webhook_secret

    def create_customer(self, *, email: str, name: str, user_id: int, key: str) -> str:
        """Return the id of a new customer (or of the one that this key made before).

        Raises:
            PaymentError: as every method here.
        """
        params: Any = {"email": email, "name": name, "metadata": {"user_id": str(user_id)}}
        customers = self._client.v1.customers
        return ask(
            "create customer",
            key,
            # Should there be a first one already, this one is used all the same.
            lambda one: customers.create(params, options={"idempotency_key": one}).id,
        )

    def create_intent(
        self,
        *,
        amount: int,
        currency: str,
        customer: str,
        metadata: Mapping[str, str],
        key: str,
    ) -> Intent:
        """Return a new intent (or the one that this key made before).

        Where Stripe repeats an old 500 for the key, there may be a first one that we never saw:
        nobody has its secret, so nobody pays it.
        """
        params: Any = {
            "amount": money.to_stripe(amount, currency),
            "currency": currency,
            "customer": customer,
            "metadata": dict(metadata),
            "automatic_payment_methods": {"enabled": True},
        }
        intents = self._client.v1.payment_intents
        made = ask(
            "create payment intent",
            key,
            lambda one: intents.create(params, options={"idempotency_key": one}),
        )
        return intent_from(made.to_dict())

    def confirm_intent(
        self, intent_id: str, *, payment_method: str, return_url: str, key: str
    ) -> Intent:
        """Pay with a stored payment method, and return what became of it.

        ``return_url`` is where a bank sends the buyer who has to agree there.

        Raises:
            PaymentError: with ``decline_code`` when the card was declined.
        """
        params: Any = {"payment_method": payment_method, "off_session": True}
        params["return_url"] = return_url
        intents = self._client.v1.payment_intents
        done = ask(
            "confirm payment intent",
            key,
            # An intent succeeds once, whatever the key.
            lambda one: intents.confirm(intent_id, params, options={"idempotency_key": one}),
        )
        return intent_from(done.to_dict())

    def retrieve_intent(self, intent_id: str) -> Intent:
        """Return an intent as it is now."""
        with translated("retrieve payment intent"):
            return intent_from(self._client.v1.payment_intents.retrieve(intent_id).to_dict())

    def cancel_intent(self, intent_id: str, *, key: str) -> Intent:
        """Cancel an intent; one that cannot be is returned as it is."""
        params: Any = {"cancellation_reason": "abandoned"}
        intents = self._client.v1.payment_intents
        try:
            gone = ask(
                "cancel payment intent",
                key,
                lambda one: intents.cancel(intent_id, params, options={"idempotency_key": one}),
            )
        except PaymentError as error:
            if error.code != "payment_intent_unexpected_state":
                raise
            return self.retrieve_intent(intent_id)
        return intent_from(gone.to_dict())

    def list_intents(self, since: datetime, until: datetime) -> Iterator[Intent]:
        """Yield every intent that was made from ``since`` until before ``until``, newest first."""
        with translated("list payment intents"):
            for one in self._client.v1.payment_intents.list(_made(since, until)).auto_paging_iter():
                yield intent_from(one.to_dict())

    def create_refund(
        self, intent_id: str, *, amount: int, currency: str, refund_id: int, key: str
    ) -> RefundState:
        """Give back ``amount`` of a payment; the same again for the same key."""
        params: Any = {
            "payment_intent": intent_id,
            "amount": money.to_stripe(amount, currency),
            "reason": "requested_by_customer",
            "metadata": {"refund_id": str(refund_id)},
        }
        # With this key alone, even where Stripe repeats an old 500 for it: the refund may have been
        # made. Who sends it again looks for it in the list first, and the key is free after a day.
        with translated("create refund"):
            made = self._client.v1.refunds.create(params, options={"idempotency_key": key})
        return refund_from(made.to_dict())

    def list_refunds(self, intent_id: str) -> list[RefundState]:
        """Return every refund of a payment, oldest first."""
        params: Any = {"payment_intent": intent_id, "limit": 100}
        with translated("list refunds"):
            found = self._client.v1.refunds.list(params).auto_paging_iter()
            return [refund_from(one.to_dict()) for one in found][::-1]

    def list_disputes(self, intent_id: str) -> list[DisputeState]:
        """Return every dispute of a payment."""
        params: Any = {"payment_intent": intent_id, "limit": 100}
        with translated("list disputes"):
            found = self._client.v1.disputes.list(params).auto_paging_iter()
            return [dispute_from(one.to_dict()) for one in found]

    def list_refunds_made(self, since: datetime, until: datetime) -> Iterator[RefundState]:
        """Yield every refund that was made from ``since`` until before ``until``, newest first."""
        with translated("list refunds made"):
            for one in self._client.v1.refunds.list(_made(since, until)).auto_paging_iter():
                yield refund_from(one.to_dict())

    def read_event(self, payload: bytes, signature: str) -> Event:
        """Return the event in a request to our endpoint, its signature verified.

        Args:
            payload: the raw body, byte for byte.
            signature: the header ``Stripe-Signature``.

        Raises:
            BadEvent: somebody else signed it, or it is too old, or it is no event.
        """
        try:
            event = self._client.construct_event(
                payload, signature, self._secret, tolerance=TOLERANCE_SECONDS
            ).to_dict()
            about = dict(event["data"]["object"])
            return Event(
                event["id"],
                event["type"],
                datetime.fromtimestamp(event["created"], UTC),
                about,
                intent_from(about) if event["type"].startswith("payment_intent.") else None,
            )
        except (stripe.SignatureVerificationError, *_MISSHAPEN) as error:
            raise BadEvent(str(error) or type(error).__name__) from None


def provider() -> Payments | None:
    """Return Stripe, or in its place the embedded stand-in; None in production without a key."""
    # A process that forked has to make connections of its own.
    return _provider(current_settings(), os.getpid())


@cache
def _provider(settings: Settings, _process: int) -> Payments | None:
    if settings.stripe_secret_key is None:
        if not settings.takes_test_cards:
            return None
        from bookstore.gateways import stripe_twin

        client = stripe.StripeClient(
            stripe_twin.API_KEY, http_client=stripe_twin.http_client(settings)
        )
        return Payments(client, stripe_twin.webhook_secret(settings))
    client = stripe.StripeClient(
        settings.stripe_secret_key,
        base_addresses={"api": settings.stripe_api_base.rstrip("/")},
        max_network_retries=RETRIES,
        http_client=TracedClient(timeout=(CONNECT_SECONDS, READ_SECONDS)),
    )
    return Payments(client, settings.stripe_webhook_secret or "")


def _made(since: datetime, until: datetime) -> Any:
    return {"created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())}, "limit": 100}
