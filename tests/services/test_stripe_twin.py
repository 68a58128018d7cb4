"""The stand-in for Stripe, asked by Stripe's own library through the shop's gateway."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import stripe

from bookstore import clock
from bookstore.config import Settings
from bookstore.gateways import stripe_twin
from bookstore.gateways.payments import Intent, PaymentError, Payments
from tests.clients import at_once
from tests.services.twins import event_types, new_intent, rows, secret_of, twin, twin_settings

GOOD, DECLINED, POOR = "4242424242424242", "4000000000000002", "4000000000009995"
SECURE = ("4000002500003155", "4000002760003184", "4000000000003220")
CREATED = "payment_intent.created"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return twin_settings(tmp_path)


@pytest.fixture
def shop(settings: Settings) -> Payments:
    return twin(settings)


def refusal(error: pytest.ExceptionInfo[PaymentError]) -> tuple[str | None, str | None]:
    assert error.value.final
    return error.value.code, error.value.decline_code


def test_a_good_card(settings: Settings, shop: Payments) -> None:
    intent = new_intent(shop, order_id="7")
    assert (intent.status, intent.amount, intent.amount_received) == (
        "requires_payment_method",
        1999,
        0,
    )
    done = stripe_twin.confirm(settings, secret_of(intent), "4242 4242 4242 4242")
    assert (done.status, done.decline_code, done.next_action) == ("succeeded", None, None)
    paid = shop.retrieve_intent(intent.id)
    assert (paid.status, paid.amount_received) == ("succeeded", 1999)
    assert paid.metadata == {"order_id": "7"}
    assert event_types(settings) == [CREATED, "payment_intent.succeeded"]


@pytest.mark.parametrize(
    ("number", "decline_code"),
    [
        (DECLINED, "generic_decline"),
        (POOR, "insufficient_funds"),
        ("4000000000000069", "expired_card"),
        # Somebody's real card, as far as anybody can tell.
        ("4111111111111111", "test_mode_live_card"),
    ],
)
def test_a_declined_card_may_be_followed_by_a_good_one(
    settings: Settings, shop: Payments, number: str, decline_code: str
) -> None:
    intent = new_intent(shop)
    done = stripe_twin.confirm(settings, secret_of(intent), number)
    assert (done.status, done.decline_code) == ("requires_payment_method", decline_code)
    assert shop.retrieve_intent(intent.id).failure_code == decline_code
    assert stripe_twin.confirm(settings, secret_of(intent), GOOD).status == "succeeded"
    failed = "payment_intent.payment_failed"
    assert event_types(settings) == [CREATED, failed, "payment_intent.succeeded"]


def test_a_number_that_no_card_has_changes_nothing(settings: Settings, shop: Payments) -> None:
    intent = new_intent(shop)
    for number in ("4242424242424241", "424242", ""):
        done = stripe_twin.confirm(settings, secret_of(intent), number)
        assert (done.status, done.decline_code) == ("requires_payment_method", "incorrect_number")
    assert event_types(settings) == [CREATED]


@pytest.mark.parametrize("number", SECURE)
def test_3d_secure(settings: Settings, shop: Payments, number: str) -> None:
    intent = new_intent(shop)
    asked = stripe_twin.confirm(settings, secret_of(intent), number, return_url="/track/1")
    assert asked.status == "requires_action"
    url = asked.next_action_url or ""
    assert url.startswith(f"{settings.shop_url}/payments/test/3ds/")
    assert shop.retrieve_intent(intent.id).next_action_url == url
    token = url.rpartition("/")[2]
    assert intent.id not in url
    assert stripe_twin.find_waiting(settings, token).return_url == "/track/1"
    failed = stripe_twin.authenticate(settings, token, succeed=False)
    assert failed.status == "requires_payment_method"
    again = shop.retrieve_intent(intent.id)
    assert again.failure_code == "payment_intent_authentication_failure"
    with pytest.raises(stripe_twin.WrongState):
        stripe_twin.authenticate(settings, token, succeed=True)
    asked = stripe_twin.confirm(settings, secret_of(intent), number)
    other = (asked.next_action_url or "").rpartition("/")[2]
    with pytest.raises(stripe_twin.UnknownIntent):
        stripe_twin.authenticate(settings, token, succeed=True)
    assert stripe_twin.authenticate(settings, other, succeed=True).status == "succeeded"
    assert event_types(settings) == [
        CREATED,
        "payment_intent.requires_action",
        "payment_intent.payment_failed",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
    ]


def test_stored_payment_methods(settings: Settings, shop: Payments) -> None:
    intent = new_intent(shop)

    def pay(method: str, key: str) -> Intent:
        back = "http://shop.example/"
        return shop.confirm_intent(intent.id, payment_method=method, return_url=back, key=key)

    for method, decline in (
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        # The buyer is not there to be asked.
        ("pm_card_authenticationRequired", "authentication_required"),
    ):
        with pytest.raises(PaymentError) as refused:
            pay(method, key=method)
        assert refusal(refused)[1] == decline
    with pytest.raises(PaymentError) as refused:
        pay("pm_none", key="none")
    assert refusal(refused) == ("resource_missing", None)
    paid = pay("pm_card_visa", key="good")
    assert paid.status == "succeeded"
    with pytest.raises(PaymentError) as refused:
        pay("pm_card_visa", key="again")
    assert refusal(refused)[0] == "payment_intent_unexpected_state"
    # The same key gets the same answer, and nothing is charged.
    assert pay("pm_card_visa", key="good") == paid
    with pytest.raises(PaymentError) as refused:
        pay("pm_card_chargeDeclined", key="pm_card_chargeDeclined")
    assert refusal(refused)[1] == "generic_decline"
    assert event_types(settings).count("payment_intent.succeeded") == 1


def test_a_customer_who_is_there_is_asked_by_the_api_too(settings: Settings) -> None:
    client = stripe.StripeClient(stripe_twin.API_KEY, http_client=stripe_twin.http_client(settings))
    intent = client.v1.payment_intents.create({"amount": 500, "currency": "eur"})
    card = {"number": SECURE[0], "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    params = {"payment_method_data": {"type": "card", "card": card}}
    asked = client.v1.payment_intents.confirm(intent.id, params)  # type: ignore[arg-type]
    assert asked.status == "requires_action"
    card["number"] = "4242424242424241"
    with pytest.raises(stripe.CardError) as refused:
        client.v1.payment_intents.confirm(intent.id, params)  # type: ignore[arg-type]
    assert refused.value.code == "incorrect_number"


def test_keys_make_one_of_what_is_asked_twice(settings: Settings, shop: Payments) -> None:
    first = new_intent(shop)
    assert new_intent(shop) == first
    with pytest.raises(PaymentError) as refused:
        new_intent(shop, amount=2000)
    assert not refused.value.final
    assert event_types(settings) == [CREATED]
    assert rows(settings, "SELECT count(*) FROM intents") == [(1,)]


def test_refunds(settings: Settings, shop: Payments) -> None:
    intent = new_intent(shop)

    def refund(amount: int, number: int) -> int:
        return shop.create_refund(
            intent.id, amount=amount, currency="usd", refund_id=number, key=f"refund:{number}"
        ).amount

    with pytest.raises(PaymentError) as refused:
        refund(1, 1)
    assert refusal(refused)[0] == "payment_intent_unexpected_state"
    stripe_twin.confirm(settings, secret_of(intent), GOOD)
    assert refund(500, 2) == 500
    assert refund(500, 2) == 500
    with pytest.raises(PaymentError) as refused:
        refund(1500, 3)
    assert refused.value.final
    assert refund(1499, 4) == 1499
    with pytest.raises(PaymentError) as refused:
        refund(1, 5)
    assert refusal(refused)[0] == "charge_already_refunded"
    found = shop.list_refunds(intent.id)
    assert [(one.amount, one.metadata["refund_id"]) for one in found] == [(500, "2"), (1499, "4")]
    assert {one.status for one in found} == {"succeeded"}
    now, hour = clock.now(), timedelta(hours=1)
    assert list(shop.list_refunds_made(now - hour, now + hour)) == found[::-1]
    assert list(shop.list_refunds_made(now - 2 * hour, now - hour)) == []
    assert event_types(settings)[2:] == ["refund.created", "charge.refunded"] * 2


def test_refunds_at_once_never_exceed_the_charge(settings: Settings, shop: Payments) -> None:
    intent = new_intent(shop, amount=1000)
    stripe_twin.confirm(settings, secret_of(intent), GOOD)

    def refund(number: int) -> int:
        try:
            key = f"refund:{number}"
            return (
                twin(settings)
                .create_refund(intent.id, amount=300, currency="usd", refund_id=number, key=key)
                .amount
            )
        except PaymentError:
            return 0

    jobs = [lambda number=number: refund(number) for number in range(10)]
    assert sum(at_once(jobs, threads=10)) == 900


def test_cancelling(settings: Settings, shop: Payments) -> None:
    intent = new_intent(shop)
    assert shop.cancel_intent(intent.id, key="stop").status == "canceled"
    assert shop.cancel_intent(intent.id, key="stop again").status == "canceled"
    with pytest.raises(stripe_twin.WrongState) as refused:
        stripe_twin.confirm(settings, secret_of(intent), GOOD)
    assert refused.value.status == "canceled"
    assert event_types(settings) == [CREATED, "payment_intent.canceled"]
    paid = new_intent(shop, key="other")
    stripe_twin.confirm(settings, secret_of(paid), GOOD)
    assert shop.cancel_intent(paid.id, key="too late").status == "succeeded"


def test_lists_are_paged(settings: Settings, shop: Payments) -> None:
    made = [new_intent(shop, key=f"pay{number}").id for number in range(5)]
    client = stripe.StripeClient(stripe_twin.API_KEY, http_client=stripe_twin.http_client(settings))
    pages = client.v1.payment_intents.list({"limit": 2})
    assert len(pages.data) == 2
    assert [one.id for one in pages.auto_paging_iter()] == made[::-1]
    now = clock.now()
    found = list(shop.list_intents(now - timedelta(hours=1), now + timedelta(hours=1)))
    assert [one.id for one in found] == made[::-1]
    earlier = shop.list_intents(now - timedelta(days=2), now - timedelta(days=1))
    assert list(earlier) == []


def test_what_is_not_there_or_not_known(settings: Settings, shop: Payments) -> None:
    with pytest.raises(PaymentError) as refused:
        shop.retrieve_intent("pi_none")
    assert refusal(refused)[0] == "resource_missing"
    intent = new_intent(shop)
    for secret in ("", "pi_none_secret_x", f"{intent.id}_secret_guess", f"{intent.id}_secret_é"):
        with pytest.raises(stripe_twin.UnknownIntent):
            stripe_twin.confirm(settings, secret, GOOD)
    client = stripe.StripeClient(stripe_twin.API_KEY, http_client=stripe_twin.http_client(settings))
    typo = {"amount": 500, "currency": "usd", "amuont": 5}
    with pytest.raises(stripe.InvalidRequestError, match="amuont"):
        client.v1.payment_intents.create(typo)  # type: ignore[arg-type]
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client.v1.products.list()
    stranger = stripe.StripeClient("sk_live_1", http_client=stripe_twin.http_client(settings))
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.payment_intents.retrieve(intent.id)


def test_a_real_shop_takes_no_test_cards(settings: Settings) -> None:
    for real in (
        replace(settings, bookstore_env="production"),
        replace(settings, stripe_secret_key="sk_test_1"),
    ):
        with pytest.raises(RuntimeError):
            stripe_twin.http_client(real)
