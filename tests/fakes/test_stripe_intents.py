"""Payment intents of the fake Stripe: every state, and every way there."""

import time
from typing import Any

import pytest
import requests
import stripe

from tests.fakes.asking import ASKS, GOOD, new_intent, refused
from tests.fakes.stripe import RETURN_URL, FakeStripe, Refused


def test_paid(api: Any, fake: FakeStripe) -> None:
    customer = api.customers.create({"email": "ann@example.com"})
    intent = new_intent(api, customer=customer.id, metadata={"order": "7"})
    assert intent.status == "requires_payment_method"
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    paid = fake.pay(intent.client_secret, GOOD)
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 1999)
    found = api.payment_intents.retrieve(intent.id, {"expand": ["latest_charge", "customer"]})
    assert found.latest_charge.metadata.to_dict() == {"order": "7"}
    assert found.customer.email == "ann@example.com"
    assert (fake.holdings(), fake.balance()) == ({intent.id: 1999}, {"usd": 1999})
    for call, params in [
        (api.payment_intents.confirm, {"payment_method": "pm_card_visa"}),
        (api.payment_intents.cancel, {}),
    ]:
        error = refused(stripe.InvalidRequestError, call, intent.id, params)
        assert error["code"] == "payment_intent_unexpected_state"
    with pytest.raises(Refused, match="status of succeeded"):
        fake.pay(intent.client_secret, GOOD)


@pytest.mark.parametrize(
    ("token", "code", "decline"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
        ),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        (
            "pm_card_authenticationRequired",
            "authentication_required",
            "authentication_required",
        ),
    ],
)
def test_declined(api: Any, token: str, code: str, decline: str) -> None:
    intent = new_intent(api)
    params = {"payment_method": token, "off_session": True, "return_url": RETURN_URL}
    error = refused(stripe.CardError, api.payment_intents.confirm, intent.id, params)
    assert (error["code"], error["decline_code"]) == (code, decline)
    assert error["payment_intent"]["id"] == intent.id
    found = api.payment_intents.retrieve(intent.id)
    assert found.status == "requires_payment_method"
    assert found.last_payment_error.decline_code == decline
    paid = api.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_visa", "return_url": RETURN_URL}
    )
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


def test_confirming_wants_a_return_url(api: Any) -> None:
    pay = {"payment_method": "pm_card_visa", "off_session": True}
    intent = new_intent(api, automatic_payment_methods={"enabled": True})
    error = refused(stripe.InvalidRequestError, api.payment_intents.confirm, intent.id, pay)
    assert error["param"] == "return_url"
    here = {"enabled": True, "allow_redirects": "never"}
    intent = new_intent(api, automatic_payment_methods=here)
    assert api.payment_intents.confirm(intent.id, pay).status == "succeeded"
    made = new_intent(api, confirm=True, automatic_payment_methods=here, **pay)
    assert made.status == "succeeded"


def test_three_d_secure(api: Any, fake: FakeStripe) -> None:
    intent = new_intent(api)
    asked = fake.pay(intent.client_secret, ASKS)
    assert asked["status"] == "requires_action"
    target = asked["next_action"]["redirect_to_url"]
    assert target["return_url"] == RETURN_URL
    assert "Complete authentication" in requests.get(target["url"], timeout=5).text
    back = requests.post(
        target["url"], {"outcome": "fail"}, timeout=5, allow_redirects=False
    ).headers["Location"]
    assert back.startswith(f"{RETURN_URL}?payment_intent={intent.id}&")
    assert back.endswith("redirect_status=failed")
    failed = api.payment_intents.retrieve(intent.id)
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    fake.pay(intent.client_secret, ASKS)
    assert fake.authenticate(intent.id)["status"] == "succeeded"
    assert requests.get(target["url"], timeout=5).status_code == 410


def test_three_d_secure_and_then_declined(api: Any, fake: FakeStripe) -> None:
    intent = new_intent(api)
    fake.pay(intent.client_secret, "4000008400001629")
    assert fake.authenticate(intent.id)["last_payment_error"]["code"] == "card_declined"


@pytest.mark.parametrize("ok", [True, False])
def test_a_slow_method(api: Any, fake: FakeStripe, ok: bool) -> None:
    intent = new_intent(api)
    assert fake.pay(intent.client_secret, "us_bank_account")["status"] == "processing"
    error = refused(stripe.InvalidRequestError, api.payment_intents.cancel, intent.id)
    assert error["code"] == "payment_intent_unexpected_state"
    done = fake.finish_processing(intent.id, ok)
    assert done["status"] == ("succeeded" if ok else "requires_payment_method")
    assert fake.holdings() == {intent.id: 1999 if ok else 0}


def test_canceled(api: Any, fake: FakeStripe) -> None:
    intent = new_intent(api)
    gone = api.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    refused(stripe.InvalidRequestError, api.payment_intents.cancel, intent.id)
    with pytest.raises(Refused, match="status of canceled"):
        fake.pay(intent.client_secret, GOOD)


def test_wrong_cards_and_secrets(api: Any, fake: FakeStripe) -> None:
    secret = new_intent(api).client_secret
    for card, said in [("4242424242424241", "incorrect"), ("4012888888881881", "non test")]:
        with pytest.raises(Refused, match=said):
            fake.pay(secret, card)
    for wrong in (f"{secret}x", "pi_x_secret_y"):
        with pytest.raises(Refused):
            fake.pay(wrong, GOOD)
    refused(stripe.InvalidRequestError, api.payment_intents.retrieve, "pi_x")


def test_listed(api: Any, fake: FakeStripe) -> None:
    now = int(time.time())
    made = []
    for age in range(25):
        fake.account.clock = lambda age=age: now - 100 + age
        made.append(new_intent(api).id)
    newest_first = made[::-1]
    every = api.payment_intents.list({"limit": 10}).auto_paging_iter()
    assert [one.id for one in every] == newest_first
    page = api.payment_intents.list({"limit": 5, "ending_before": newest_first[10]})
    assert [one.id for one in page.data] == newest_first[5:10]
    created = {"gte": now - 90, "lt": now - 80}
    some = api.payment_intents.list({"created": created, "limit": 100})
    assert [one.id for one in some.data] == made[10:20][::-1]
    assert not some.has_more
