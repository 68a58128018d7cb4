"""Refunds: never more than came in, sent once, whatever Stripe does meanwhile."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import clock, errors
from bookstore.models import Order, Refund
from bookstore.services import doctor, orders, refunding, refunds
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.factories import check_books, make_user
from tests.fakes.stripe import FakeStripe
from tests.paying import (
    lose_the_answer,
    mails,
    now,
    paid,
    payment,
    place,
    refunds as refunds_of,
    rows,
    stands,
    told,
)
from tests.services.draining import drain
from tests.services.mailing import into, mails as written, parts


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


def make_due() -> None:
    """Have refunds that wait be due now."""
    with unit_of_work() as session:
        waiting = update(Refund).where(Refund.next_attempt_at.is_not(None))
        session.execute(waiting.values(next_attempt_at=clock.now() - timedelta(seconds=1)))


def test_a_part_and_the_rest(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    refunds.request(SYSTEM, order.id, 1000, reason="torn cover")
    assert refunds_of(order) == [(1000, "pending")]
    assert payment(order).amount_refunded == 1000
    assert refunding.send_due() == 1
    assert stands(order) == ("processing", "partially_refunded")
    refunds.request(SYSTEM, order.id)
    refunding.send_due()
    stripe.settle()
    assert stands(order) == ("processing", "refunded")
    assert refunds_of(order) == [(1000, "succeeded"), (order.total_amount - 1000, "succeeded")]
    assert stripe.balance() == {"usd": 0}
    assert told(order)[-2:] == ["order.refunded", "order.refunded"]
    assert [mail.event.type for mail in mails("order_refunded")] == ["order.refunded"] * 2
    assert refunding.send_due() == 0
    assert len(stripe.refunds) == 2


def test_not_more_than_was_paid(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    for amount in (order.total_amount + 1, 10**12):
        with pytest.raises(errors.RefundExceedsPayment):
            refunds.request(SYSTEM, order.id, amount)
    refunds.request(SYSTEM, order.id, order.total_amount - 1)
    for amount in (2, order.total_amount):
        with pytest.raises(errors.RefundExceedsPayment):
            refunds.request(SYSTEM, order.id, amount)
    refunds.request(SYSTEM, order.id, 1)
    for amount in (1, None):
        with pytest.raises(errors.RefundExceedsPayment):
            refunds.request(SYSTEM, order.id, amount)
    unpaid = place()
    with pytest.raises(errors.RefundExceedsPayment):
        refunds.request(SYSTEM, unpaid.id)


def test_only_staff_refund_and_only_the_buyer_looks(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    with pytest.raises(errors.Forbidden):
        refunds.request(order.user, order.id)
    made = refunds.request(SYSTEM, order.id)
    assert [one.id for one in refunds.list_refunds(order.user, order.id)] == [made.id]
    with pytest.raises(errors.NotFound):
        refunds.list_refunds(make_user(), order.id)


def test_copies_go_back_on_sale_once(stripe: FakeStripe, shop: Flask) -> None:
    order = paid(stripe, place(stock=10, copies=3))
    [book] = [item.book_id for item in order.items]
    assert check_books(shop)[book] == 7
    made = refunds.request(SYSTEM, order.id, 100, restock=True)
    assert made.restock
    assert check_books(shop) == {book: 10}
    with pytest.raises(errors.AlreadyRestocked):
        refunds.request(SYSTEM, order.id, 100, restock=True)
    # Refused as a whole.
    assert payment(order).amount_refunded == 100
    orders.cancel(SYSTEM, order.id)
    assert check_books(shop) == {book: 10}
    refunding.send_due()
    assert stands(order) == ("cancelled", "refunded")
    assert stripe.balance() == {"usd": 0}


def test_a_paid_order_that_is_cancelled_is_refunded(stripe: FakeStripe, shop: Flask) -> None:
    order = paid(stripe, place())
    orders.cancel(order.user, order.id, "x" * 2000)
    assert refunds_of(order) == [(order.total_amount, "pending")]
    refunding.send_due()
    stripe.settle()
    assert stands(order) == ("cancelled", "refunded")
    assert stripe.balance() == {"usd": 0}
    check_books(shop)


@pytest.mark.parametrize("trouble", ["http_500", "http_429", "http_503", "timeout_before"])
def test_it_is_sent_later_when_stripe_is_away(stripe: FakeStripe, trouble: str) -> None:
    order = paid(stripe, place())
    refunds.request(SYSTEM, order.id)
    stripe.fail("POST /v1/refunds", trouble, times=1 if trouble == "http_429" else 3)
    assert refunding.send_due() == 0
    [row] = rows(Refund)
    assert (row.status, row.attempts) == ("pending", 1)
    assert row.next_attempt_at > clock.now()
    make_due()
    assert refunding.send_due() == 1
    assert refunds_of(order) == [(order.total_amount, "succeeded")]
    assert len(stripe.refunds) == 1


@pytest.mark.parametrize("keys_are_known", [True, False])
def test_an_answer_that_got_lost_is_no_second_refund(
    stripe: FakeStripe, keys_are_known: bool
) -> None:
    order = paid(stripe, place())
    refunds.request(SYSTEM, order.id, 500)
    lose_the_answer(stripe, "POST /v1/refunds")
    assert refunding.send_due() == 0
    assert len(stripe.refunds) == 1
    if not keys_are_known:
        stripe.forget_keys()
    make_due()
    assert refunding.send_due() == 1
    assert len(stripe.refunds) == 1
    assert rows(Refund)[0].refund_id == stripe.refunds[0]["id"]


def test_what_the_event_was_quicker_to_tell_is_not_sent_again(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    refunds.request(SYSTEM, order.id, 500)
    lose_the_answer(stripe, "POST /v1/refunds")
    refunding.send_due()
    stripe.settle()
    assert refunds_of(order) == [(500, "succeeded")]
    make_due()
    assert refunding.send_due() == 0


def test_what_stripe_refuses_gives_the_reservation_back(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    stripe.dispute(str(payment(order).intent_id))
    refunds.request(SYSTEM, order.id, 500)
    assert refunding.send_due() == 0
    [row] = rows(Refund)
    assert row.status == "failed"
    assert "charged back" in row.failure
    assert payment(order).amount_refunded == 0
    assert now(order).payment_status == "paid"


def test_a_refund_that_takes_its_time(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    stripe.start_refunds_as("pending")
    refunds.request(SYSTEM, order.id)
    refunding.send_due()
    stripe.settle()
    assert refunds_of(order) == [(order.total_amount, "pending")]
    assert stands(order) == ("processing", "paid")
    stripe.finish_refund(stripe.refunds[0]["id"])
    stripe.settle()
    assert stands(order) == ("processing", "refunded")


def test_a_refund_that_fails_later(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    refunds.request(SYSTEM, order.id)
    refunding.send_due()
    stripe.settle()
    assert stands(order) == ("processing", "refunded")
    stripe.finish_refund(stripe.refunds[0]["id"], "failed")
    stripe.settle()
    assert refunds_of(order) == [(order.total_amount, "failed")]
    assert stands(order) == ("processing", "paid")
    assert payment(order).amount_refunded == 0
    # It may be tried again.
    refunds.request(SYSTEM, order.id)
    refunding.send_due()
    stripe.settle()
    assert stands(order) == ("processing", "refunded")


def test_refunds_made_at_stripe_get_a_row(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    stripe.dashboard_refund(str(payment(order).intent_id), 700)
    stripe.deliver(copies=2)
    stripe.settle()
    [row] = rows(Refund)
    assert (row.amount, row.status, row.actor) == (700, "succeeded", "stripe")
    assert stands(order) == ("processing", "partially_refunded")
    with pytest.raises(errors.RefundExceedsPayment):
        refunds.request(SYSTEM, order.id, order.total_amount - 699)


def test_more_at_stripe_than_is_left_here(stripe: FakeStripe) -> None:
    """Somebody refunds at Stripe what we have promised and not sent: ours gives way."""
    order = paid(stripe, place())
    refunds.request(SYSTEM, order.id)
    stripe.dashboard_refund(str(payment(order).intent_id))
    assert 409 in {one.status for one in stripe.deliver()}
    assert refunding.send_due() == 0
    stripe.settle()
    assert refunds_of(order) == [(order.total_amount, "failed"), (order.total_amount, "succeeded")]
    assert stands(order) == ("processing", "refunded")


def refunded(stripe: FakeStripe, order: Order) -> None:
    """Have refunds be sent, and Stripe's events come."""
    refunding.send_due()
    stripe.settle()


def test_one_that_fails_is_told_of(stripe: FakeStripe, tmp_path: Path) -> None:
    make_user("clerk", is_staff=True)
    order = paid(stripe, place())
    orders.cancel(order.user, order.id)
    refunded(stripe, order)
    assert stands(order) == ("cancelled", "refunded")
    stripe.finish_refund(stripe.refunds[0]["id"], "failed")
    stripe.settle()
    assert stands(order) == ("cancelled", "paid")
    [mail] = mails("refund_failed")
    assert (mail.data["amount"], mail.data["told"]) == ("24.98 USD", True)
    assert any("its money" in said or "went back" in said for said in doctor.examine())
    drain(into(tmp_path))
    [sent] = [one for one in written(tmp_path) if "A refund of order" in one["Subject"]]
    for part in parts(sent):
        assert "The buyer was told" in part
    refunds.request(SYSTEM, order.id)
    refunded(stripe, order)
    assert stands(order) == ("cancelled", "refunded")
    assert list(doctor.examine()) == []


def test_when_the_balance_is_too_low_it_waits(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    refunds.request(SYSTEM, order.id)
    stripe.fail("POST /v1/refunds", "balance_insufficient")
    assert refunding.send_due() == 0
    assert refunds_of(order) == [(order.total_amount, "pending")]
    make_due()
    refunded(stripe, order)
    assert refunds_of(order) == [(order.total_amount, "succeeded")]


def test_what_is_given_back_is_not_sent(stripe: FakeStripe) -> None:
    on_sale, repaid = paid(stripe, place(stock=1)), paid(stripe, place())
    refunds.request(SYSTEM, on_sale.id, 100, restock=True)
    refunds.request(SYSTEM, repaid.id)
    refunded(stripe, repaid)
    for order, why in ((on_sale, "copies are on sale again"), (repaid, "money is with the buyer")):
        with pytest.raises(errors.InvalidTransition, match=why) as refused:
            orders.advance(SYSTEM, order.id, "shipped")
        assert refused.value.extra["allowed"] == ["cancelled"]
        orders.cancel(SYSTEM, order.id)
    refunded(stripe, on_sale)
    assert list(doctor.examine()) == []
