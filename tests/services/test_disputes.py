"""Disputes: an order waits for the bank, and goes on when it has decided."""

from pathlib import Path

import pytest
from flask import Flask

from bookstore import errors
from bookstore.models import Order
from bookstore.services import doctor, orders, refunding, refunds
from bookstore.services.actors import SYSTEM
from tests.factories import make_user
from tests.fakes.stripe import FakeStripe
from tests.paying import mails, paid, payment, place, refunds as refunds_of, stands
from tests.services.draining import drain
from tests.services.mailing import into, mails as written, parts


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    make_user("clerk", is_staff=True)
    return fake_stripe


def delivered(stripe: FakeStripe) -> Order:
    order = paid(stripe, place())
    for status in ("shipped", "delivered"):
        orders.advance(SYSTEM, order.id, status)
    return order


def dispute(stripe: FakeStripe, order: Order, amount: int | None = None) -> str:
    made = stripe.dispute(str(payment(order).intent_id), amount)
    stripe.settle()
    return str(made["id"])


def decide(stripe: FakeStripe, dispute_id: str, *, won: bool) -> None:
    stripe.close_dispute(dispute_id, won)
    stripe.settle()


def test_won(stripe: FakeStripe, tmp_path: Path) -> None:
    order = delivered(stripe)
    made = dispute(stripe, order)
    assert stands(order) == ("delivered", "review")
    decide(stripe, made, won=True)
    assert stands(order) == ("delivered", "paid")
    assert [mail.data["why"] for mail in mails("dispute_closed")] == [
        "the dispute is won: 24.98 USD are the shop's again"
    ]
    assert list(doctor.examine()) == []
    drain(into(tmp_path))
    [mail] = [one for one in written(tmp_path) if "is decided" in one["Subject"]]
    assert order.number in mail["Subject"]
    for part in parts(mail):
        assert "24.98 USD are the shop" in part


def test_lost(stripe: FakeStripe) -> None:
    order = delivered(stripe)
    decide(stripe, dispute(stripe, order), won=False)
    assert stands(order) == ("delivered", "refunded")
    assert payment(order).amount_withdrawn == order.total_amount
    assert stripe.holdings() == {payment(order).intent_id: 0}
    assert list(doctor.examine()) == []
    with pytest.raises(errors.RefundExceedsPayment):
        refunds.request(SYSTEM, order.id, 1)


def test_a_part_is_lost_and_the_rest_refunded(stripe: FakeStripe) -> None:
    order = delivered(stripe)
    decide(stripe, dispute(stripe, order, 1000), won=False)
    assert stands(order) == ("delivered", "partially_refunded")
    with pytest.raises(errors.RefundExceedsPayment):
        refunds.request(SYSTEM, order.id, order.total_amount - 999)
    assert payment(order).refundable == order.total_amount - 1000


def test_of_what_was_refunded_in_part(stripe: FakeStripe) -> None:
    order = delivered(stripe)
    refunds.request(SYSTEM, order.id, 500)
    refunding.send_due()
    stripe.settle()
    decide(stripe, dispute(stripe, order), won=True)
    assert stands(order) == ("delivered", "partially_refunded")
    assert list(doctor.examine()) == []


def test_of_what_has_gone_back_already(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    orders.cancel(order.user, order.id)
    refunding.send_due()
    stripe.settle()
    made = dispute(stripe, order)
    assert stands(order) == ("cancelled", "refunded")
    assert [mail.data["why"] for mail in mails("payment_review")] == [
        "disputed by the buyer: fraudulent"
    ]
    decide(stripe, made, won=True)
    assert stands(order) == ("cancelled", "refunded")
    assert list(doctor.examine()) == []


def test_the_end_may_come_first_and_twice(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    made = stripe.dispute(str(payment(order).intent_id))
    stripe.close_dispute(made["id"], True)
    stripe.deliver("reversed", copies=2)
    stripe.settle()
    assert stands(order) == ("processing", "paid")
    # An older one, of which only now is heard: what it was is known.
    [opened] = [one for one in stripe.events if one["type"] == "charge.dispute.created"]
    stripe.again({**opened, "id": "evt_late", "created": opened["created"] - 60})
    assert stands(order) == ("processing", "paid")


def test_while_the_bank_has_it_nothing_goes_back(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    made = dispute(stripe, order)
    with pytest.raises(errors.RefundExceedsPayment):
        refunds.request(SYSTEM, order.id)
    orders.cancel(SYSTEM, order.id)
    assert refunds_of(order) == []
    decide(stripe, made, won=True)
    assert refunding.send_due() == 1
    stripe.settle()
    assert stands(order) == ("cancelled", "refunded")
    assert refunds_of(order) == [(order.total_amount, "succeeded")]
    assert list(doctor.examine()) == []


def test_what_banks_and_staff_say_is_not_for_the_buyer(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    decide(stripe, dispute(stripe, order), won=False)
    seen = [one.note for one in orders.history(order.user, order.id)]
    assert not any("dispute" in note for note in seen)
    assert any("paid" in note for note in seen)
    whole = [one.note for one in orders.history(SYSTEM, order.id)]
    assert "to be reviewed: disputed by the buyer: fraudulent" in whole
    assert "the dispute is lost: the buyer's bank keeps 24.98 USD" in whole
