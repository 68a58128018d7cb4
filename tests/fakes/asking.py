"""What tests of the fake Stripe ask it."""

from typing import Any

import pytest
import stripe

GOOD, DECLINED = "4242424242424242", "4000000000000002"
ASKS = "4000002500003155"


def new_intent(api: Any, amount: int = 1999, currency: str = "usd", **more: Any) -> Any:
    params = {"amount": amount, "currency": currency, **more}
    return api.payment_intents.create(params)


def refused(kind: type[stripe.StripeError], call: Any, *args: Any, **named: Any) -> Any:
    """Assert that a call is refused in that way, and return Stripe's error object."""
    with pytest.raises(kind) as caught:
        call(*args, **named)
    return caught.value.json_body["error"]
