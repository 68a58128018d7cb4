"""Figures for staff: revenue is what the shop has of the money that came in."""

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore.models import Order, Refund
from bookstore.services import cart, orders, refunding, refunds, reports
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, statements
from tests.factories import make_book, make_user, new_coupon
from tests.fakes.stripe import FakeStripe
from tests.paying import GOOD, intent, now, paid, payment, place, refunds as refunds_of, stands


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


def figures() -> tuple[int, int | None, int]:
    """Return (revenue, average order value, orders)."""
    found = reports.sales(SYSTEM)
    return found["revenue"], found["average_order_value"], found["orders"]


def best() -> dict[int, tuple[int, int]]:
    """Return book → (copies, revenue) of the best sellers."""
    return {row["book_id"]: (row["copies"], row["revenue"]) for row in reports.top_books(SYSTEM)}


def book_of(order: Order) -> int:
    return now(order).items[0].book_id


def give_back(stripe: FakeStripe, order: Order, amount: int | None = None) -> None:
    """Refund an order, and have Stripe do it."""
    refunds.request(SYSTEM, order.id, amount)
    refunding.send_due()
    stripe.settle()


def test_what_is_not_paid_is_no_revenue(stripe: FakeStripe) -> None:
    order = place()
    assert figures() == (0, None, 1)
    assert best() == {}
    # Nor is it while the buyer is busy paying.
    opened = intent(order)
    assert figures() == (0, None, 1)
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    assert figures() == (2498, 2498, 1)
    assert best() == {book_of(order): (1, 1999)}
    orders.cancel(SYSTEM, place().id)
    assert figures() == (2498, 2498, 2)


def test_what_was_given_back_is_no_revenue(stripe: FakeStripe) -> None:
    kept, partly, wholly = (paid(stripe, place()) for _ in range(3))
    give_back(stripe, partly, 500)
    assert figures() == (3 * 2498 - 500, 2331, 3)
    assert set(best()) == {book_of(kept), book_of(partly), book_of(wholly)}
    give_back(stripe, wholly)
    assert stands(wholly) == ("processing", "refunded")
    # Money did come in for it, so it counts in the average.
    assert figures() == (2 * 2498 - 500, 1499, 3)
    assert set(best()) == {book_of(kept), book_of(partly)}
    # By cancelling too: the copies were not sold.
    orders.cancel(SYSTEM, kept.id)
    refunding.send_due()
    stripe.settle()
    assert figures() == (2498 - 500, 666, 3)
    assert set(best()) == {book_of(partly)}


def test_what_a_bank_took_is_no_revenue(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    made = stripe.dispute(str(payment(order).intent_id), 1000)
    stripe.settle()
    assert figures() == (2498, 2498, 1)
    stripe.close_dispute(made["id"], won=False)
    stripe.settle()
    assert figures() == (1498, 1498, 1)


def test_a_refund_counts_when_it_has_succeeded(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    refunds.request(SYSTEM, order.id, 500)
    assert refunds_of(order) == [(500, "pending")]
    assert figures() == (2498, 2498, 1)
    for status, revenue in (("failed", 2498), ("succeeded", 1998)):
        with unit_of_work() as session:
            session.scalars(select(Refund)).one().status = status
        assert figures() == (revenue, revenue, 1)


def test_what_came_twice_is_there_twice_until_it_goes_back(stripe: FakeStripe) -> None:
    make_user(is_staff=True)
    order = place()
    opened = intent(order)
    stripe.tamper(opened.intent_id, amount=5000)
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    assert stands(order) == ("pending", "review")
    assert figures() == (5000, 5000, 1)
    assert best() == {book_of(order): (1, 1999)}
    give_back(stripe, order, 2502)
    assert figures() == (2498, 2498, 1)


def test_currencies_are_not_added_up(
    stripe: FakeStripe, shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    dollars = paid(stripe, place())
    changed = replace(shop.config["SETTINGS"], currency="jpy")
    with monkeypatch.context() as patch:
        patch.setitem(shop.config, "SETTINGS", changed)
        yen = [paid(stripe, place(price=5000)) for _ in range(2)]
        give_back(stripe, yen[1], 1000)
        assert figures() == (2 * 5499 - 1000, 4999, 3)
        assert set(best()) == {book_of(order) for order in yen}
        assert reports.sales(SYSTEM)["currency"] == "jpy"
    assert figures() == (2498, 2498, 3)
    assert best() == {book_of(dollars): (1, 1999)}


def test_what_costs_nothing_is_sold_but_no_average(shop: Flask) -> None:
    new_coupon(shop, "ALL", "100", stackable=True)
    new_coupon(shop, "POST", None, kind="free_shipping", stackable=True)
    user, book = make_user(), make_book(price=1000)
    cart.add_item(user, book.id, 2)
    for code in ("ALL", "POST"):
        cart.put_coupon(user, code)
    assert orders.place(user, ADDRESS).payment_status == "paid"
    assert figures() == (0, None, 1)
    assert best() == {book.id: (2, 2000)}


def test_figures_take_a_statement(stripe: FakeStripe, shop: Flask) -> None:
    for _ in range(3):
        give_back(stripe, paid(stripe, place()), 100)
    with statements(shop) as found:
        assert figures() == (3 * 2398, 2398, 3)
    assert len(found) == 1
    with statements(shop) as found:
        assert len(best()) == 3
    assert len(found) == 1
