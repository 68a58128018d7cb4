"""The stand-in takes the amounts that Stripe takes, and no others."""

from pathlib import Path
from typing import Any

import pytest
import stripe

from bookstore import money
from bookstore.gateways import stripe_twin
from bookstore.gateways.payments import PaymentError, Payments
from tests.fakes.stripe import FakeStripe
from tests.services.twins import twin, twin_settings

STEPS = {"isk": 100, "kwd": 10}


@pytest.mark.parametrize("currency", ["usd", "gbp", "huf", "jpy", "krw", "isk", "kwd"])
def test_they_are_stripes(tmp_path: Path, currency: str) -> None:
    settings, step = twin_settings(tmp_path), STEPS.get(currency, 1)
    least, most = (money.to_stripe(limit, currency) for limit in money.charge_limits(currency))
    own = stripe.StripeClient(stripe_twin.API_KEY, http_client=stripe_twin.http_client(settings))
    with FakeStripe() as fake:
        for amount in (least, most, least - step, most + step):
            asked: Any = {"amount": amount, "currency": currency}
            assert answer(own, asked) == answer(fake.client(), asked), asked


def answer(client: stripe.StripeClient, asked: Any) -> str | int | None:
    """Return the amount of the intent, or the code of what is wrong with it."""
    try:
        return client.v1.payment_intents.create(asked).amount
    except stripe.InvalidRequestError as error:
        return error.code


def test_a_shop_without_a_key_is_told_as_by_stripe(tmp_path: Path) -> None:
    shop: Payments = twin(twin_settings(tmp_path))
    customer = shop.create_customer(email="a@example.com", name="Ann", user_id=1, key="c")
    for amount, code in ((49, "amount_too_small"), (100_000_000, "amount_too_large")):
        with pytest.raises(PaymentError) as refused:
            shop.create_intent(
                amount=amount, currency="usd", customer=customer, metadata={}, key=f"{amount}"
            )
        assert (refused.value.code, refused.value.final) == (code, True)
