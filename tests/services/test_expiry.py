"""Orders that nobody paid in time, and money that comes in after all."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from bookstore import errors, jobs
from bookstore.extensions import redis_handle
from bookstore.gateways import queue
from bookstore.models import Coupon, Order, Payment
from bookstore.services import (
    abandoned_payments,
    cancellations,
    cart,
    doctor,
    expiry,
    orders,
    refunding,
    refunds as refunds_service,
)
from bookstore.services.actors import SYSTEM
from tests.clients import ADDRESS, at_once
from tests.factories import check_books, make_book, make_user, new_coupon
from tests.fakes.stripe import FakeStripe
from tests.paying import (
    BANK,
    DECLINED,
    GOOD,
    intent,
    let_time_run_out,
    mails,
    now,
    paid,
    payment,
    place,
    refunds,
    rows,
    stands,
    told,
)
from tests.services.draining import drain
from tests.services.mailing import into, mails as written


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


def expired(order: Order) -> Order:
    """Return the order as it is once its time is over."""
    let_time_run_out(order)
    assert expiry.expire_orders() == 1
    return now(order)


def test_an_order_that_nobody_paid_gives_its_copies_back(stripe: FakeStripe, shop: Flask) -> None:
    unpaid, failed, untouched = place(), place(), place()
    stripe.pay(intent(failed).client_secret, DECLINED)
    stripe.settle()
    assert expiry.expire_orders() == 0
    let_time_run_out(unpaid)
    let_time_run_out(failed)
    assert expiry.expire_orders() == 2
    assert expiry.expire_orders() == 0
    assert stands(unpaid) == ("cancelled", "unpaid")
    assert stands(failed) == ("cancelled", "failed")
    assert stands(untouched) == ("pending", "unpaid")
    assert told(unpaid) == ["order.created", "order.cancelled"]
    assert len(mails("order_cancelled")) == 2
    [*_, last] = orders.history(SYSTEM, unpaid.id)
    assert (last.actor, last.note) == ("system", "not paid in time")
    assert sorted(check_books(shop).values()) == [9, 10, 10]
    # Its intent is cancelled at Stripe after that.
    assert payment(failed).is_unwanted
    assert abandoned_payments.drop() == 1
    stripe.settle()
    assert stripe.intents[0]["status"] == payment(failed).status == "canceled"
    assert abandoned_payments.drop() == 0


def test_money_on_its_way_and_orders_in_review_are_waited_for(stripe: FakeStripe) -> None:
    paid_, processing, review = paid(stripe, place()), place(), place()
    stripe.pay(intent(processing).client_secret, BANK)
    opened = intent(review)
    stripe.tamper(opened.intent_id, amount=1)
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    for order in (paid_, processing, review):
        let_time_run_out(order)
    assert expiry.expire_orders() == 0


def test_one_that_cannot_be_cancelled_keeps_back_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(expiry, "BATCH", 2)
    waiting = [place() for _ in range(5)]
    for order in waiting:
        let_time_run_out(order)
    cancel: Callable[..., None] = cancellations.cancel

    def refuse_one(session: object, actor: object, order: Order, note: str = "") -> None:
        if order.id == waiting[0].id:
            raise RuntimeError("a bad order")
        cancel(session, actor, order, note)

    with monkeypatch.context() as patched:
        patched.setattr(cancellations, "cancel", refuse_one)
        assert expiry.expire_orders() == 4
    assert "a bad order" in caplog.text
    assert expiry.expire_orders() == 1


def test_late_money_reopens_an_order(stripe: FakeStripe, shop: Flask, tmp_path: Path) -> None:
    order = place()
    opened = intent(order)
    expired(order)
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    assert stands(order) == ("processing", "paid")
    assert told(order)[-2:] == ["order.paid", "order.processing"]
    # The buyer had been told that it is cancelled.
    drain(into(tmp_path))
    last = written(tmp_path)[-1]
    assert last["Subject"] == f"Your order {order.number} goes ahead after all"
    assert list(check_books(shop).values()) == [9]
    assert not payment(order).is_unwanted
    assert abandoned_payments.drop() == 0
    assert stripe.holdings() == {opened.intent_id: order.total_amount}
    # It is an order like any other: it can be cancelled, once.
    orders.cancel(order.user, order.id)
    with pytest.raises(errors.InvalidTransition):
        orders.cancel(order.user, order.id)
    refunding.send_due()
    stripe.settle()
    assert stands(order) == ("cancelled", "refunded")
    assert list(check_books(shop).values()) == [10]


def test_late_money_goes_back_when_the_copies_are_gone(stripe: FakeStripe, shop: Flask) -> None:
    user, other, book = make_user(), make_user(), make_book(stock=1)
    cart.add_item(user, book.id)
    order = orders.place(user, ADDRESS)
    opened = intent(order)
    expired(order)
    cart.add_item(other, book.id)
    orders.place(other, ADDRESS)
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    assert stands(order) == ("cancelled", "paid")
    assert refunding.send_due() == 1
    stripe.settle()
    assert stands(order) == ("cancelled", "refunded")
    assert refunds(order) == [(order.total_amount, "succeeded")]
    assert stripe.balance() == {"usd": 0}
    assert check_books(shop) == {book.id: 0}


@pytest.mark.parametrize("limit", [1, 2])
def test_late_money_and_a_coupon(stripe: FakeStripe, shop: Flask, limit: int) -> None:
    new_coupon(shop, "ONCE", usage_limit=limit)
    order = with_coupon()
    opened = intent(order)
    expired(order)
    another = with_coupon()
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    refunding.send_due()
    stripe.settle()
    # Used up by another, or good for both.
    left = ("processing", "paid") if limit == 2 else ("cancelled", "refunded")
    assert stands(order) == left
    assert stands(another) == ("pending", "unpaid")
    assert [coupon.used for coupon in rows(Coupon)] == [limit]
    check_books(shop)


def with_coupon() -> Order:
    """Return a new buyer's order with the coupon ONCE."""
    user = make_user()
    cart.add_item(user, make_book().id)
    cart.put_coupon(user, "ONCE")
    return orders.place(user, ADDRESS)


def test_one_that_its_buyer_cancelled_stays_cancelled(stripe: FakeStripe) -> None:
    order = place()
    opened = intent(order)
    orders.cancel(order.user, order.id)
    stripe.pay(opened.client_secret, GOOD)
    # Found out by whoever cancels the intent, should the event be late.
    assert abandoned_payments.drop() == 1
    assert refunding.send_due() == 1
    stripe.settle()
    assert stands(order) == ("cancelled", "refunded")
    assert stripe.balance() == {"usd": 0}


@pytest.mark.parametrize("first", ["event", "expiry"])
def test_an_event_and_the_end_of_time_at_once(stripe: FakeStripe, shop: Flask, first: str) -> None:
    order = place()
    stripe.pay(intent(order).client_secret, GOOD)
    let_time_run_out(order)

    def expire() -> None:
        with shop.app_context():
            expiry.expire_orders()

    steps = [stripe.deliver, expire]
    at_once(steps if first == "event" else steps[::-1])  # type: ignore[arg-type]
    stripe.settle()
    assert stands(order) == ("processing", "paid")
    assert list(check_books(shop).values()) == [9]
    abandoned_payments.drop()
    assert payment(order).status == "succeeded"


def test_an_intent_that_stripe_does_not_know_is_not_asked_for_for_ever(
    stripe: FakeStripe,
) -> None:
    order = place()
    intent(order)
    stripe.account.table("payment_intent").clear()
    orders.cancel(order.user, order.id)
    assert abandoned_payments.drop() == 0
    assert rows(Payment, Payment.is_unwanted) == []


def test_stripe_is_away_when_an_intent_is_to_be_cancelled(stripe: FakeStripe) -> None:
    order = place()
    intent(order)
    orders.cancel(order.user, order.id)
    stripe.fail("POST /v1/payment_intents/*/cancel", "http_503", times=3)
    assert abandoned_payments.drop() == 0
    assert payment(order).is_unwanted
    assert abandoned_payments.drop() == 1
    assert stripe.intents[0]["status"] == "canceled"


def test_what_was_lost_on_the_way_to_a_worker_is_queued_again(stripe: FakeStripe) -> None:
    order, cancelled = paid(stripe, place()), place()
    intent(cancelled)
    orders.cancel(cancelled.user, cancelled.id)
    orders.cancel(SYSTEM, order.id)
    late = place()
    let_time_run_out(late)
    redis_handle.client.flushall()
    jobs.look_after_payments()
    assert stands(late) == ("cancelled", "unpaid")
    names = {job.func_name for job in queue.queue(queue.JOBS).jobs}
    assert names == {"bookstore.jobs.send_refunds", "bookstore.jobs.drop_payments"}
    jobs.send_refunds()
    jobs.drop_payments()
    redis_handle.client.flushall()
    jobs.look_after_payments()
    assert queue.depths()[queue.JOBS] == 0


def test_late_money_and_a_coupon_for_one_order_each(stripe: FakeStripe, shop: Flask) -> None:
    new_coupon(shop, "ONCE", per_user_limit=1)
    user, book = make_user(), make_book(stock=10)

    def order() -> Order:
        cart.add_item(user, book.id)
        cart.put_coupon(user, "ONCE")
        return orders.place(user, ADDRESS)

    first = order()
    opened = intent(first)
    expired(first)
    second = order()
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    # It could come back only with a coupon that its buyer has used up meanwhile.
    assert stands(first) == ("cancelled", "paid")
    assert refunds(first) == [(first.total_amount, "pending")]
    assert stands(second) == ("pending", "unpaid")
    assert [coupon.used for coupon in rows(Coupon)] == [1]
    assert list(doctor.examine(offline=True)) == []
    assert mails("order_reopened") == []


def test_too_little_that_went_back_leaves_nothing_on_hold(stripe: FakeStripe) -> None:
    order = place(stock=3)
    opened = intent(order)
    stripe.tamper(opened.intent_id, amount=1000)
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    assert stands(order) == ("pending", "review")
    refunds_service.request(SYSTEM, order.id)
    refunding.send_due()
    stripe.settle()
    assert stands(order) == ("pending", "refunded")
    with pytest.raises(errors.InvalidTransition, match="money is with the buyer"):
        orders.advance(SYSTEM, order.id, "processing")
    assert stands(expired(order)) == ("cancelled", "refunded")
    assert list(doctor.examine()) == []
