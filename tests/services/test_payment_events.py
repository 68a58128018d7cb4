"""Stripe's events: each takes effect once, in whatever order and however often they come."""

from datetime import timedelta
from functools import partial
from itertools import permutations
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import clock, errors
from bookstore.models import Payment, StripeEvent
from bookstore.services import (
    maintenance,
    orders,
    payment_events,
    refunding,
    refunds,
    staff_mail,
)
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import Client, at_once
from tests.factories import check_books, make_user
from tests.fakes.stripe import FakeStripe
from tests.paying import (
    BANK,
    DECLINED,
    DISPUTED,
    GOOD,
    intent,
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

PAID = ["order.created", "order.paid", "order.processing"]


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


def test_every_event_three_times_changes_nothing_more(stripe: FakeStripe) -> None:
    order = place()
    stripe.pay(intent(order).client_secret, GOOD)
    sent = stripe.deliver(copies=3)
    assert {one.status for one in sent} == {200}
    assert stands(order) == ("processing", "paid")
    before = now(order).version
    for event in stripe.events:
        stripe.again(event, copies=2)
    assert now(order).version == before
    assert told(order) == PAID
    ours = [one["id"] for one in stripe.events if one["type"].startswith("payment_intent.")]
    assert sorted(one.id for one in rows(StripeEvent)) == sorted(ours)


def test_a_payment_that_failed_first_ends_paid_in_every_order(stripe: FakeStripe) -> None:
    order = place()
    opened = intent(order)
    stripe.pay(opened.client_secret, DECLINED)
    stripe.pay(opened.client_secret, GOOD)
    ours = ("payment_intent.created", "payment_intent.payment_failed", "payment_intent.succeeded")
    kept = [one for one in stripe.events if one["type"] in ours]
    assert len(kept) == 3
    for turn, events in enumerate(permutations(kept)):
        another = place(order.user)
        fresh = intent(another)
        for event in events:
            # As if it were this order's.
            about = {**event["data"]["object"], "id": fresh.intent_id, "metadata": {}}
            about |= {"amount_received": another.total_amount} if "succ" in event["type"] else {}
            made = {**event, "id": f"{event['id']}{turn}", "data": {"object": about}}
            assert [one.status for one in stripe.again(made, copies=2)] == [200, 200]
        assert stands(another) == ("processing", "paid"), [one["type"] for one in events]
        assert told(another)[-2:] == ["order.paid", "order.processing"]


def test_everything_in_every_order_ends_the_same(stripe: FakeStripe) -> None:
    """Created, paid and half refunded: what is refunded may be heard of before it is paid."""
    order = place()
    opened = intent(order)
    stripe.pay(opened.client_secret, GOOD)
    stripe.dashboard_refund(opened.intent_id, 1000)
    stripe.deliver("reversed", copies=2)
    stripe.settle()
    assert stands(order) == ("processing", "partially_refunded")
    assert refunds_of(order) == [(1000, "succeeded")]
    assert told(order) == [*PAID, "order.refunded"]
    assert payment(order).amount_refunded == 1000


def test_two_of_each_at_once(stripe: FakeStripe, shop: Flask) -> None:
    order = place()
    stripe.pay(intent(order).client_secret, GOOD)
    sent = stripe.deliver(copies=2, at_once=True)
    assert {one.status for one in sent} == {200}
    assert stands(order) == ("processing", "paid")
    assert told(order) == PAID
    check_books(shop)


def test_bank_debits_take_their_time(stripe: FakeStripe) -> None:
    order, second = place(), place()
    opened, other = intent(order), intent(second)
    stripe.pay(opened.client_secret, BANK)
    stripe.pay(other.client_secret, BANK)
    stripe.settle()
    assert stands(order) == stands(second) == ("pending", "processing")
    stripe.finish_processing(opened.intent_id)
    stripe.finish_processing(other.intent_id, ok=False)
    stripe.settle()
    assert stands(order) == ("processing", "paid")
    assert stands(second) == ("pending", "failed")


@pytest.mark.parametrize(
    "changed", [{"amount": 1}, {"amount": 10_000}, {"currency": "eur"}], ids=str
)
def test_what_does_not_fit_is_parked_and_staff_are_told(
    stripe: FakeStripe, changed: dict[str, object]
) -> None:
    clerk = make_user(is_staff=True)
    order = place()
    opened = intent(order)
    stripe.tamper(opened.intent_id, **changed)
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    assert stands(order) == ("pending", "review")
    assert told(order) == ["order.created"]
    [mail] = mails("payment_review")
    assert (mail.user_id, mail.data["number"]) == (clerk.id, order.number)
    # Nobody but staff moves it, or its money.
    with pytest.raises(errors.OrderInReview):
        orders.cancel(order.user, order.id)
    with pytest.raises(errors.OrderNotPayable):
        intent(order)
    orders.cancel(SYSTEM, order.id)
    assert refunding.send_due() == 1
    assert stands(order) == ("cancelled", "refunded")
    assert stripe.holdings() == {opened.intent_id: 0}


def test_staff_accept_what_fits_in_the_end(stripe: FakeStripe) -> None:
    make_user(is_staff=True)
    order = place()
    opened = intent(order)
    stripe.tamper(opened.intent_id, amount=order.total_amount + 500)
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    refunds.request(SYSTEM, order.id, 500)
    refunding.send_due()
    assert stands(order) == ("pending", "review")
    orders.advance(SYSTEM, order.id, "processing")
    assert stands(order) == ("processing", "paid")
    assert told(order)[-2:] == ["order.paid", "order.processing"]


def test_staff_may_go_on_with_too_little_but_it_stays_in_review(stripe: FakeStripe) -> None:
    order = place()
    opened = intent(order)
    stripe.tamper(opened.intent_id, amount=100)
    stripe.pay(opened.client_secret, GOOD)
    stripe.settle()
    orders.advance(SYSTEM, order.id, "processing")
    assert stands(order) == ("processing", "review")


@pytest.mark.parametrize("order_of_events", ["as made", "reversed"])
def test_a_disputed_payment_waits_for_a_person(stripe: FakeStripe, order_of_events: str) -> None:
    make_user(is_staff=True)
    order = place()
    stripe.pay(intent(order).client_secret, DISPUTED)
    stripe.deliver(order_of_events)
    stripe.settle()
    assert stands(order) == ("processing", "review")
    assert payment(order).amount_received == order.total_amount
    # Not given back: the bank has taken it already.
    assert refunds_of(order) == []
    assert next(one.data["why"] for one in mails("payment_review")) == (
        "disputed by the buyer: fraudulent"
    )


def test_what_was_paid_twice_goes_back_once(stripe: FakeStripe) -> None:
    order = place()
    first = intent(order)
    # Cancelled as far as we were told, and paid all the same.
    stripe.dashboard_cancel(first.intent_id)
    stripe.settle()
    second = intent(order)
    stripe.pay(second.client_secret, GOOD)
    stripe.settle()
    stripe.tamper(first.intent_id, status="requires_payment_method")
    stripe.pay(first.client_secret, GOOD)
    stripe.settle()
    assert refunding.send_due() == 1
    stripe.settle()
    assert stands(order) == ("processing", "paid")
    assert refunds_of(order) == [(order.total_amount, "succeeded")]
    assert stripe.holdings() == {first.intent_id: 0, second.intent_id: order.total_amount}


def test_what_is_not_ours_is_taken_and_left_alone(stripe: FakeStripe) -> None:
    order = place()
    intent(order)
    before = stands(order), payment(order).status
    api = stripe.client().v1
    other = api.payment_intents.create({"amount": 1000, "currency": "usd"})
    # Another shop on this account counts its payments as we do.
    alike = {"payment_id": str(rows(Payment)[0].id), "order_number": "25-AAAAA-AAAAA"}
    api.payment_intents.create({"amount": 1000, "currency": "usd", "metadata": alike})
    stripe.pay(str(other.client_secret), GOOD)
    stripe.dispute(other.id)
    stripe.settle()
    assert (stands(order), payment(order).status) == before
    assert payment(order).intent_id == stripe.intents[0]["id"]


def test_a_refund_that_cannot_be_read_back_comes_again(stripe: FakeStripe, client: Client) -> None:
    order = paid(stripe, place())
    stripe.dashboard_refund(str(payment(order).intent_id), 100)
    stripe.fail("GET /v1/refunds", "http_503", times=3)
    assert 503 in {one.status for one in stripe.deliver()}
    stripe.settle()
    assert refunds_of(order) == [(100, "succeeded")]


def test_an_event_is_taken_once_by_many_at_once(stripe: FakeStripe, shop: Flask) -> None:
    order = place()
    stripe.pay(intent(order).client_secret, GOOD)
    event = next(one for one in stripe.events if one["type"] == "payment_intent.succeeded")
    sent = at_once([partial(stripe.again, event) for _ in range(8)])
    assert {one.status for (one,) in sent} == {200}
    assert told(order) == PAID


def test_signatures(stripe: FakeStripe) -> None:
    for payload, header in ((b"{}", ""), (b"{}", "t=1,v1=00"), (b"\xff", "t=1,v1=00")):
        with pytest.raises(errors.SignatureInvalid):
            payment_events.receive(payload, header)
    assert rows(StripeEvent) == []


def test_old_events_are_forgotten(stripe: FakeStripe) -> None:
    paid(stripe, place())
    assert maintenance.run()["events of Stripe"] == 0
    with unit_of_work() as session:
        long_ago = clock.now() - timedelta(days=91)
        old = update(StripeEvent).where(StripeEvent.type.endswith("created"))
        session.execute(old.values(received_at=long_ago))
    assert maintenance.run()["events of Stripe"] == 1
    assert [one.type for one in rows(StripeEvent)] == ["payment_intent.succeeded"]


def test_what_staff_are_told(stripe: FakeStripe, tmp_path: Path) -> None:
    make_user("clerk", is_staff=True)
    order = paid(stripe, place(), DISPUTED)
    differences = ["payment 1 of order 26-X <b>: 1.00 USD here", "and another"]
    with unit_of_work() as session:
        about = {"differences": differences, "count": 7}
        staff_mail.tell(session, "payments_differ", about)
    drain(into(tmp_path))
    found = {mail["Subject"]: mail for mail in written(tmp_path) if "clerk" in mail["To"]}
    text, html = parts(found[f"The payment of order {order.number} needs you"])
    for part in (text, html):
        assert "disputed by the buyer: fraudulent" in part
        assert f"https://shop.example/admin/orders/{order.id}" in part
    text, html = parts(found["Payments differ from Stripe's"])
    assert "- payment 1 of order 26-X <b>: 1.00 USD here\r\n- and another" in text
    assert "26-X &lt;b&gt;" in html
    assert "7 in all" in text
