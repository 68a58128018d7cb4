"""Idempotency keys for which Stripe keeps trouble of its own: a day without another answer."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import clock, errors
from bookstore.models import Refund
from bookstore.services import abandoned_payments, orders, paying, refunding, refunds
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import at_once
from tests.fakes.stripe import FakeStripe
from tests.paying import GOOD, intent, lose_the_answer, paid, payment, place, stands

CUSTOMERS, INTENTS = "POST /v1/customers", "POST /v1/payment_intents"
KEPT = "http_500_kept"


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


def keys(stripe: FakeStripe, pattern: str) -> list[str | None]:
    """Return the keys that were used, each once, in the order of their first use."""
    return list(dict.fromkeys(call.key for call in stripe.calls(pattern)))


@pytest.mark.parametrize("pattern", [CUSTOMERS, INTENTS])
def test_the_next_key_is_used(stripe: FakeStripe, pattern: str) -> None:
    order = place()
    stripe.fail(pattern, KEPT)
    opened = intent(order)
    [first, second] = keys(stripe, pattern)
    assert second == f"{first}:2"
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    assert stands(order) == ("processing", "paid")
    assert stripe.holdings() == {opened.intent_id: order.total_amount}
    # The buyer has one customer still, and another order no trouble.
    intent(place(order.user))
    assert len(stripe.account.table("customer")) == 1


def test_many_at_once_use_the_same_next_key(stripe: FakeStripe, shop: Flask) -> None:
    order = place()
    user = order.user
    stripe.fail(CUSTOMERS, KEPT)
    stripe.fail(INTENTS, KEPT)

    def ask() -> str | None:
        with shop.app_context():
            try:
                return paying.open_intent(user, order.id).intent_id
            except errors.PaymentsUnavailable:
                return None  # a key that is in use

    found = set(at_once([ask] * 6, threads=6)) - {None}
    assert found == {intent(order).intent_id} == {one["id"] for one in stripe.intents}


def test_a_series_has_an_end(stripe: FakeStripe) -> None:
    order = place()
    stripe.fail(INTENTS, KEPT, times=20)
    for _ in range(2):
        with pytest.raises(errors.PaymentsUnavailable):
            intent(order)
    assert len(keys(stripe, INTENTS)) == 3
    stripe.calm()
    stripe.forget_keys()
    assert [intent(order).intent_id] == [one["id"] for one in stripe.intents]


def test_trouble_that_is_not_kept_uses_up_no_key(stripe: FakeStripe) -> None:
    order = place()
    stripe.fail(INTENTS, "http_500", times=3)
    with pytest.raises(errors.PaymentsUnavailable):
        intent(order)
    intent(order)
    assert len(keys(stripe, INTENTS)) == 1


def test_what_an_event_told_of_is_not_made_again(stripe: FakeStripe) -> None:
    order = place()
    lose_the_answer(stripe, INTENTS)
    with pytest.raises(errors.PaymentsUnavailable):
        intent(order)
    stripe.settle()
    # A day later the key would make another.
    stripe.forget_keys()
    assert [intent(order).intent_id] == [one["id"] for one in stripe.intents]


def test_one_secret_is_given_out(stripe: FakeStripe, shop: Flask) -> None:
    """The first intent is heard of while the answer for the second is on its way."""
    order = place()
    user = order.user
    lose_the_answer(stripe, INTENTS)
    with pytest.raises(errors.PaymentsUnavailable):
        intent(order)
    [first] = stripe.intents
    stripe.forget_keys()
    slow = stripe.fail(INTENTS, "slow_after")

    def ask() -> str:
        with shop.app_context():
            return paying.open_intent(user, order.id).intent_id

    def hear_of_the_first() -> str:
        slow.wait()
        stripe.settle()
        with shop.app_context():
            try:
                return paying.open_intent(user, order.id).intent_id
            finally:
                slow.release.set()

    given = at_once([ask, hear_of_the_first])
    assert len(stripe.intents) == 2
    assert set(given) == {first["id"]} == {intent(order).intent_id}
    assert payment(order).intent_id == first["id"]


def test_a_stored_card_is_charged_once(stripe: FakeStripe) -> None:
    order = place()
    stripe.fail("POST /v1/payment_intents/*/confirm", KEPT)
    done = paying.pay(order.id, "pm_card_visa")
    assert done is not None
    assert done.status == "succeeded"
    assert len(keys(stripe, "POST /v1/payment_intents/*/confirm")) == 2
    stripe.settle()
    assert stripe.balance() == {"usd": order.total_amount}


def test_an_intent_is_cancelled(stripe: FakeStripe) -> None:
    order = place()
    intent(order)
    orders.cancel(order.user, order.id)
    stripe.fail("POST /v1/payment_intents/*/cancel", KEPT)
    assert abandoned_payments.drop() == 1
    assert stripe.intents[0]["status"] == "canceled"


def test_a_refund_keeps_its_key(stripe: FakeStripe) -> None:
    """It may have been made, and with another key it would be made twice."""
    order = paid(stripe, place())
    refunds.request(SYSTEM, order.id)
    stripe.fail("POST /v1/refunds", KEPT)

    def send() -> int:
        with unit_of_work() as session:
            past = clock.now() - timedelta(seconds=1)
            session.execute(update(Refund).values(next_attempt_at=past))
        return refunding.send_due()

    assert [send(), send()] == [0, 0]
    assert len(keys(stripe, "POST /v1/refunds")) == 1
    stripe.forget_keys()
    assert send() == 1
    assert len(stripe.refunds) == 1
