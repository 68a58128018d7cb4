"""What Stripe refuses for good: buyers are told so, and what can be mended is."""

from typing import Any

import pytest
from flask import Flask

from bookstore import errors
from bookstore.models import Payment, User
from bookstore.services import paying
from tests.clients import at_once
from tests.fakes.stripe import FakeStripe, currencies
from tests.paying import GOOD, intent, place, rows, stands


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


@pytest.mark.parametrize(
    ("rule", "value", "told", "why"),
    [
        ("MOST", 1000, "too large", "no more than 1000 usd"),
        ("LEAST", {"usd": 10_000}, "too small", "at least 10000 usd"),
        ("KNOWN", frozenset(["eur"]), "ask the shop", "Invalid currency: usd"),
    ],
)
def test_it_is_not_said_to_try_again(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    rule: str,
    value: Any,
    told: str,
    why: str,
) -> None:
    """As of an account of Stripe's with narrower limits."""
    order = place()
    monkeypatch.setattr(currencies, rule, value)
    with pytest.raises(errors.OrderNotPayable, match=told):
        intent(order)
    [logged] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert why in logged.__dict__["why"]
    assert logged.__dict__["order_id"] == order.id
    assert stands(order) == ("pending", "unpaid")


def test_a_customer_who_is_gone_is_made_anew(stripe: FakeStripe) -> None:
    order = place()
    intent(order)
    stripe.account.table("customer").clear()
    second = place(order.user)
    opened = intent(second)
    [customer] = stripe.account.table("customer")
    assert rows(User, User.id == order.user.id)[0].stripe_customer_id == customer
    attempts = rows(Payment, Payment.order_id == second.id)
    assert [(row.attempt, row.is_live, row.status) for row in attempts] == [
        (1, False, "canceled"),
        (2, True, "requires_payment_method"),
    ]
    assert attempts[1].customer_id == customer
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    assert stands(second) == ("processing", "paid")
    intent(place(order.user))
    assert list(stripe.account.table("customer")) == [customer]


def test_an_attempt_that_was_begun_for_one_who_is_gone(stripe: FakeStripe) -> None:
    user = place().user
    order = place(user)
    stripe.fail("POST /v1/payment_intents", "http_429")
    with pytest.raises(errors.PaymentsUnavailable):
        intent(order)
    stripe.account.table("customer").clear()
    intent(place(user))
    # Somebody has made a new one meanwhile: there is no third.
    intent(order)
    assert len(stripe.account.table("customer")) == 1


def test_many_at_once_make_one_anew(stripe: FakeStripe, shop: Flask) -> None:
    intent(first := place())
    user = first.user
    stripe.account.table("customer").clear()
    order = place(user)

    def ask() -> str | None:
        with shop.app_context():
            try:
                return paying.open_intent(user, order.id).intent_id
            except errors.PaymentsUnavailable:
                return None  # a key that is in use

    found = set(at_once([ask] * 6, threads=6)) - {None}
    assert found == {intent(order).intent_id}
    assert len(stripe.intents) == 2
    assert len(stripe.account.table("customer")) == 1


class Forgetful(dict[str, Any]):
    """Keeps nothing."""

    def __setitem__(self, key: str, value: Any) -> None:
        pass


def test_a_customer_is_made_anew_once(stripe: FakeStripe) -> None:
    stripe.account.tables["customer"] = Forgetful()
    with pytest.raises(errors.OrderNotPayable):
        intent(place())
    assert len(stripe.calls("POST /v1/customers")) == 2
