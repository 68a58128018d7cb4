"""Intents that nobody needs: one that cannot be cancelled keeps back no other."""

import pytest
from flask import Flask

from bookstore.models import Order, Payment
from bookstore.services import abandoned_payments, orders
from tests.fakes.stripe import FakeStripe
from tests.paying import intent, place, rows

CANCEL = "POST /v1/payment_intents/{}/cancel"


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


def cancelled() -> tuple[Order, str]:
    """Return a cancelled order, and the intent that it had."""
    order = place()
    opened = intent(order)
    orders.cancel(order.user, order.id)
    return order, opened.intent_id


def statuses(stripe: FakeStripe) -> list[str]:
    return [one["status"] for one in stripe.intents]


def unwanted() -> list[str]:
    return [row.intent_id for row in rows(Payment, Payment.is_unwanted)]


@pytest.mark.parametrize("batch", [1, 100])
def test_trouble_with_one(stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(abandoned_payments, "BATCH", batch)
    (_, bad), (_, good) = cancelled(), cancelled()
    stripe.fail(CANCEL.format(bad), "http_500_kept", times=20)
    assert abandoned_payments.drop() == 1
    assert stripe.intent(good)["status"] == "canceled"
    assert unwanted() == [bad]
    # Each time it is tried again.
    stripe.calm()
    stripe.forget_keys()
    assert abandoned_payments.drop() == 1
    assert unwanted() == []
    assert statuses(stripe) == ["canceled"] * 2


def test_one_that_our_own_books_refuse(
    stripe: FakeStripe, caplog: pytest.LogCaptureFixture
) -> None:
    (_, odd), (_, good) = cancelled(), cancelled()
    # A word that Stripe did not have when the shop was written.
    stripe.tamper(odd, status="frozen")
    assert abandoned_payments.drop() == 1
    assert stripe.intent(good)["status"] == "canceled"
    assert unwanted() == [odd]
    assert "intent not cancelled" in caplog.text


@pytest.mark.parametrize("trouble", ["timeout_before", "http_429"])
def test_who_does_not_answer_is_not_asked_on(stripe: FakeStripe, trouble: str) -> None:
    cancelled(), cancelled()
    stripe.fail(CANCEL.format("*"), trouble, times=20)
    assert abandoned_payments.drop() == 0
    assert len({call.path for call in stripe.calls(CANCEL.format("*"))}) == 1
    assert len(unwanted()) == 2


def test_a_key_that_is_refused_is_not_used_on(stripe: FakeStripe) -> None:
    cancelled(), cancelled()
    stripe.api.secret_key = "sk_test_another"
    assert abandoned_payments.drop() == 0
    assert len(stripe.calls(CANCEL.format("*"))) == 1
    assert len(unwanted()) == 2
