"""Shops of other currencies, from the order to the money: as many places as each has."""

from dataclasses import replace

import pytest
from flask import Flask

from bookstore.models import Payment
from bookstore.services import doctor, orders, refunding, refunds
from bookstore.services.actors import SYSTEM
from tests.factories import make_user
from tests.fakes.stripe import FakeStripe
from tests.paying import GOOD, intent, paid, place, refunds as refunds_of, rows, stands


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


@pytest.mark.parametrize(
    ("currency", "price", "total", "at_stripe"),
    # Delivery was priced in cents, and is taken as so many of the least units, rounded up.
    [("jpy", 5000, 5499, 5499), ("isk", 5000, 5499, 549_900), ("kwd", 5000, 5500, 5500)],
)
def test_an_order_is_paid_and_refunded(
    stripe: FakeStripe,
    shop: Flask,
    monkeypatch: pytest.MonkeyPatch,
    currency: str,
    price: int,
    total: int,
    at_stripe: int,
) -> None:
    changed = replace(shop.config["SETTINGS"], currency=currency)
    monkeypatch.setitem(shop.config, "SETTINGS", changed)
    order = place(price=price)
    assert (order.total_amount, order.currency) == (total, currency)
    paid(stripe, order)
    assert stands(order) == ("processing", "paid")
    assert stripe.balance() == {currency: at_stripe}
    refunds.request(SYSTEM, order.id)
    refunding.send_due()
    stripe.settle()
    assert refunds_of(order) == [(total, "succeeded")]
    assert stripe.balance() == {currency: 0}
    assert list(doctor.examine()) == []


def test_as_many_of_another_currency_are_not_enough(stripe: FakeStripe) -> None:
    make_user(is_staff=True)
    order = place()
    opened = intent(order)
    stripe.tamper(opened.intent_id, currency="jpy")
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    orders.advance(SYSTEM, order.id, "processing")
    assert stands(order) == ("processing", "review")
    assert [one.currency for one in rows(Payment)] == ["jpy"]
    refunds.request(SYSTEM, order.id)
    refunding.send_due()
    stripe.settle()
    assert stands(order) == ("processing", "refunded")
    assert list(doctor.examine()) == []
