"""Paying an order: one live intent, its own amount, and what becomes of attempts."""

import pytest
from flask import Flask
from stripe import HTTPClient

from bookstore import errors
from bookstore.gateways import payments as gateway
from bookstore.models import Payment
from bookstore.services import cart, orders, paying, refunding
from bookstore.services.actors import SYSTEM
from tests.clients import ADDRESS
from tests.factories import make_book, make_user, new_coupon
from tests.fakes.stripe import FakeStripe
from tests.paying import (
    DECLINED,
    GOOD,
    intent,
    let_time_run_out,
    lose_the_answer,
    paid,
    payment,
    place,
    rows,
    stands,
    told,
)


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


def test_an_order_is_paid(stripe: FakeStripe) -> None:
    order = place()
    opened = intent(order)
    assert (opened.amount, opened.currency) == (2498, "usd")
    assert stripe.intents[0]["amount"] == 2498
    assert stripe.intents[0]["metadata"]["order_number"] == order.number
    stripe.pay(opened.client_secret, GOOD)
    # What the browser says changes nothing; the event does.
    assert stands(order) == ("pending", "unpaid")
    stripe.settle()
    assert stands(order) == ("processing", "paid")
    assert told(order) == ["order.created", "order.paid", "order.processing"]
    assert payment(order).amount_received == 2498
    assert stripe.holdings() == {opened.intent_id: 2498}


def test_there_is_one_intent_however_often_it_is_asked_for(stripe: FakeStripe) -> None:
    order = place()
    assert len({intent(order).intent_id for _ in range(3)}) == 1
    assert len(stripe.intents) == len(stripe.calls("POST /v1/payment_intents")) == 1
    # Another order of the same buyer's: another intent, the same customer.
    again = intent(place(order.user))
    assert again.intent_id != stripe.intents[0]["id"]
    assert len({one["customer"] for one in stripe.intents}) == 1
    assert len(stripe.calls("POST /v1/customers")) == 1


def test_an_answer_that_got_lost_is_asked_for_again(stripe: FakeStripe) -> None:
    order = place()
    lose_the_answer(stripe, "POST /v1/payment_intents")
    with pytest.raises(errors.PaymentsUnavailable):
        intent(order)
    assert payment(order).intent_id is None
    opened = intent(order)
    assert [one["id"] for one in stripe.intents] == [opened.intent_id]


def test_an_event_may_be_quicker_than_the_answer(stripe: FakeStripe) -> None:
    order = place()
    lose_the_answer(stripe, "POST /v1/payment_intents")
    with pytest.raises(errors.PaymentsUnavailable):
        intent(order)
    stripe.settle()
    assert payment(order).intent_id == stripe.intents[0]["id"]
    # Its secret is still to be had.
    stripe.pay(intent(order).client_secret, GOOD)
    stripe.settle()
    assert stands(order) == ("processing", "paid")
    assert len(stripe.intents) == 1


def test_only_its_buyer_pays_an_order() -> None:
    order = place()
    for other in (make_user(), make_user(is_staff=True)):
        with pytest.raises(errors.NotFound):
            paying.open_intent(other, order.id)
    with pytest.raises(errors.Unauthenticated):
        paying.open_intent(SYSTEM, order.id)
    assert rows(Payment) == []


def test_what_is_paid_or_gone_cannot_be_paid(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    with pytest.raises(errors.AlreadyPaid):
        intent(order)
    cancelled, late = place(), place()
    orders.cancel(cancelled.user, cancelled.id)
    let_time_run_out(late)
    for one in (cancelled, late):
        with pytest.raises(errors.OrderNotPayable):
            intent(one)
        assert paying.pay(one.id, "pm_card_visa") is None
    assert paying.pay(order.id, "pm_card_visa") is None
    assert len(stripe.intents) == 1


def test_a_free_order_needs_no_payment(stripe: FakeStripe, app: Flask) -> None:
    user = make_user()
    new_coupon(app, "GIFT", "100", stackable=True)
    new_coupon(app, "POST", None, kind="free_shipping", stackable=True)
    cart.add_item(user, make_book().id)
    cart.put_coupon(user, "GIFT")
    cart.put_coupon(user, "POST")
    order = orders.place(user, ADDRESS)
    assert (order.total_amount, order.status, order.payment_status) == (0, "processing", "paid")
    assert order.paid_at is not None
    assert order.expires_at is None
    assert told(order) == ["order.created", "order.paid", "order.processing"]
    with pytest.raises(errors.AlreadyPaid):
        intent(order)
    assert stripe.calls() == []


def test_a_card_is_declined_and_another_is_good(stripe: FakeStripe) -> None:
    order = place()
    opened = intent(order)
    stripe.pay(opened.client_secret, DECLINED)
    stripe.settle()
    assert stands(order) == ("pending", "failed")
    assert payment(order).failure_code == "generic_decline"
    assert told(order) == ["order.created", "payment.failed"]
    assert intent(order).intent_id == opened.intent_id
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    assert stands(order) == ("processing", "paid")
    assert payment(order).failure_code is None


def test_an_intent_cancelled_at_stripe_is_followed_by_another(stripe: FakeStripe) -> None:
    order = place()
    first = intent(order)
    stripe.dashboard_cancel(first.intent_id)
    stripe.settle()
    assert (payment(order).status, payment(order).is_live) == ("canceled", False)
    second = intent(order)
    assert second.intent_id != first.intent_id
    assert [row.attempt for row in rows(Payment)] == [1, 2]
    stripe.pay(second.client_secret, GOOD)
    stripe.settle()
    assert stands(order) == ("processing", "paid")


def test_secrets_are_not_kept_in_clear(stripe: FakeStripe) -> None:
    order = place()
    opened = intent(order)
    sealed = payment(order).client_secret
    assert sealed is not None
    assert opened.client_secret.encode() not in sealed


@pytest.mark.parametrize("trouble", ["timeout_before", "http_500", "http_503", "http_409"])
def test_short_trouble_at_stripe_is_not_noticed(stripe: FakeStripe, trouble: str) -> None:
    order = place()
    stripe.fail("POST /v1/customers", trouble)
    stripe.fail("POST /v1/payment_intents", trouble)
    assert intent(order).intent_id == stripe.intents[0]["id"]


def test_long_trouble_is_an_answer_and_nothing_is_lost(stripe: FakeStripe) -> None:
    order = place()
    stripe.fail("POST /v1/payment_intents", "http_429")
    with pytest.raises(errors.PaymentsUnavailable):
        intent(order)
    assert stands(order) == ("pending", "unpaid")
    assert intent(order).intent_id == stripe.intents[0]["id"]
    assert len(rows(Payment)) == 1


def test_nobody_waits_long_for_who_does_not_answer(stripe: FakeStripe) -> None:
    stripe.fail("POST /v1/customers", "timeout_before", times=9)
    with pytest.raises(errors.PaymentsUnavailable):
        intent(place())
    asked = len(stripe.calls())
    assert asked == 2
    each, pause = gateway.CONNECT_SECONDS + gateway.READ_SECONDS, HTTPClient.MAX_DELAY
    longest = asked * each + pause
    assert longest < 32
    # A refund that is sent again is looked for in the list first: two requests under one lease.
    assert refunding.LEASE.total_seconds() > 2 * longest
