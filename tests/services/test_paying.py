"""An intent of which nothing was heard for a while is looked at before it is handed out again."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import clock, errors
from bookstore.models import Order, Payment
from bookstore.services import paying
from bookstore.unit_of_work import unit_of_work
from tests.clients import at_once
from tests.fakes.stripe import FakeStripe
from tests.paying import BANK, GOOD, intent, payment, place, rows, stands, told

LOOK = "GET /v1/payment_intents/*"


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


def heard_of(order: Order, *, seconds: int) -> None:
    """Have the order's payments have changed last so many seconds ago."""
    with unit_of_work() as session:
        past = clock.now() - timedelta(seconds=seconds)
        ours = update(Payment).where(Payment.order_id == order.id)
        session.execute(ours.values(updated_at=past))


def test_one_that_was_cancelled_at_stripe(stripe: FakeStripe) -> None:
    order = place()
    first = intent(order)
    stripe.dashboard_cancel(first.intent_id)
    second = intent_later(order)
    assert second.intent_id != first.intent_id
    assert [(row.status, row.is_live) for row in rows(Payment)] == [
        ("canceled", False),
        ("requires_payment_method", True),
    ]
    stripe.pay(second.client_secret, GOOD)
    stripe.settle()
    assert stands(order) == ("processing", "paid")


def intent_later(order: Order) -> paying.Payable:
    heard_of(order, seconds=61)
    return intent(order)


def test_one_that_is_paid(stripe: FakeStripe) -> None:
    order = place()
    stripe.pay(intent(order).client_secret, GOOD)
    with pytest.raises(errors.AlreadyPaid):
        intent_later(order)
    assert stands(order) == ("processing", "paid")
    # The event comes after all, and finds nothing to do.
    stripe.settle()
    assert told(order) == ["order.created", "order.paid", "order.processing"]


def test_one_that_was_paid_with_something_else(stripe: FakeStripe) -> None:
    order = place()
    opened = intent(order)
    stripe.tamper(opened.intent_id, amount=1)
    stripe.pay(opened.client_secret, GOOD)
    with pytest.raises(errors.OrderNotPayable):
        intent_later(order)
    assert stands(order) == ("pending", "review")


def test_one_that_is_under_way(stripe: FakeStripe) -> None:
    order = place()
    opened = intent(order)
    stripe.pay(opened.client_secret, BANK)
    assert intent_later(order).intent_id == opened.intent_id
    assert stands(order) == ("pending", "processing")


def test_nobody_is_asked_of_what_is_fresh(stripe: FakeStripe) -> None:
    order = place()
    opened = intent(order)
    heard_of(order, seconds=55)
    assert intent(order) == opened
    assert stripe.calls(LOOK) == []
    # Nor twice in a minute, though nothing has changed.
    assert [intent_later(order), intent(order)] == [opened, opened]
    assert len(stripe.calls(LOOK)) == 1


@pytest.mark.parametrize("trouble", ["timeout_before", "http_429", "http_503"])
def test_stripe_cannot_say(stripe: FakeStripe, trouble: str) -> None:
    order = place()
    opened = intent(order)
    stripe.dashboard_cancel(opened.intent_id)
    stripe.fail(LOOK, trouble, times=9)
    assert intent_later(order) == opened
    assert payment(order).status == "requires_payment_method"
    stripe.calm()
    assert intent(order).intent_id != opened.intent_id


def test_nothing_waits_for_stripe(stripe: FakeStripe, shop: Flask) -> None:
    order = place()
    user, opened = order.user, intent(order)
    heard_of(order, seconds=61)
    slow = stripe.fail(LOOK, "slow")

    def ask() -> str:
        with shop.app_context():
            return paying.open_intent(user, order.id).intent_id

    def write() -> str:
        slow.wait()
        try:
            with shop.app_context():
                heard_of(order, seconds=61)
                return "written"
        finally:
            slow.release.set()

    assert at_once([ask, write]) == [opened.intent_id, "written"]


def test_an_event_that_comes_meanwhile_knows_more(stripe: FakeStripe, shop: Flask) -> None:
    order = place()
    user, opened = order.user, intent(order)
    heard_of(order, seconds=61)
    slow = stripe.fail(LOOK, "slow_after")

    def ask() -> str:
        with shop.app_context():
            return paying.open_intent(user, order.id).intent_id

    def pay() -> str:
        slow.wait()
        try:
            stripe.pay(opened.client_secret, BANK)
            stripe.settle()
            return "paid"
        finally:
            slow.release.set()

    assert at_once([ask, pay]) == [opened.intent_id, "paid"]
    assert stands(order) == ("pending", "processing")


def test_a_stored_card_pays_by_another(stripe: FakeStripe) -> None:
    order = place()
    stripe.dashboard_cancel(intent(order).intent_id)
    heard_of(order, seconds=61)
    done = paying.pay(order.id, "pm_card_visa")
    assert done is not None
    assert done.status == "succeeded"
    stripe.settle()
    assert stands(order) == ("processing", "paid")
