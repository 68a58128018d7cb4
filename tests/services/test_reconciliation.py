"""Our payments and Stripe's, compared: what is late is mended, what differs is told."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import clock, errors, jobs
from bookstore.models import Payment, Refund
from bookstore.services import expiry, reconciliation, refunding, refunds
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_user
from tests.fakes.stripe import FakeStripe
from tests.paying import (
    BANK,
    GOOD,
    intent,
    let_time_run_out,
    lose_the_answer,
    mails,
    paid,
    payment,
    place,
    refunds as refunds_of,
    rows,
    stands,
    told,
)


@pytest.fixture(autouse=True)
def stripe(app: Flask, fake_stripe: FakeStripe) -> FakeStripe:
    return fake_stripe


def reconcile(days: float = 1) -> list[str]:
    """Return what differs, in words."""
    now = clock.now()
    until = now + timedelta(minutes=1)
    return [one.text for one in reconciliation.reconcile(now - timedelta(days=days), until)]


def age(table: type, days: float) -> None:
    with unit_of_work() as session:
        session.execute(update(table).values(created_at=clock.now() - timedelta(days=days)))


@pytest.mark.parametrize("events", ["lost", "of one second"])
def test_a_transfer_that_failed_unheard(stripe: FakeStripe, events: str) -> None:
    order = place()
    opened = intent(order)
    stripe.pay(opened.client_secret, BANK)
    stripe.settle()
    assert stands(order) == ("pending", "processing")
    stripe.hold()
    stripe.finish_processing(opened.intent_id, ok=False)
    if events == "lost":
        assert reconcile() == []
    else:
        kinds = {one["type"]: one for one in stripe.events}
        failed = kinds["payment_intent.payment_failed"]
        stripe.again(failed)
        begun = kinds["payment_intent.processing"]
        stripe.again({**begun, "id": "evt_again", "created": failed["created"]})
    assert stands(order) == ("pending", "failed")
    assert told(order)[-1] == "payment.failed"
    let_time_run_out(order)
    assert expiry.expire_orders() == 1


def test_events_that_never_came_are_made_up_for(stripe: FakeStripe) -> None:
    stripe.hold()
    orders = [place() for _ in range(4)]
    opened = [intent(order) for order in orders]
    stripe.pay(opened[0].client_secret, GOOD)
    stripe.dashboard_cancel(opened[1].intent_id)
    stripe.pay(opened[2].client_secret, BANK)
    assert reconcile() == []
    assert [stands(order) for order in orders] == [
        ("processing", "paid"),
        ("pending", "unpaid"),
        ("pending", "processing"),
        ("pending", "unpaid"),
    ]
    assert payment(orders[1]).status == "canceled"
    stripe.dashboard_refund(opened[0].intent_id, 500)
    assert reconcile() == []
    assert refunds_of(orders[0]) == [(500, "succeeded")]
    # The events, when they come after all, change nothing.
    before = told(orders[0])
    stripe.settle()
    assert told(orders[0]) == before
    assert mails("payments_differ") == []


def test_an_intent_whose_answer_and_events_were_lost_is_found(stripe: FakeStripe) -> None:
    order = place()
    lose_the_answer(stripe, "POST /v1/payment_intents")
    with pytest.raises(errors.PaymentsUnavailable):
        intent(order)
    assert reconcile() == []
    assert payment(order).intent_id == stripe.intents[0]["id"]


def test_what_is_older_and_was_not_finished_is_looked_at(stripe: FakeStripe) -> None:
    order, other = place(), paid(stripe, place())
    stripe.pay(intent(order).client_secret, BANK)
    stripe.start_refunds_as("pending")
    refunds.request(SYSTEM, other.id)
    refunding.send_due()
    stripe.settle()
    age(Payment, 10)
    age(Refund, 10)
    stripe.account.clock = lambda: clock.now().timestamp() - 10 * 86_400
    for made in (
        *stripe.account.table("payment_intent").values(),
        *stripe.account.table("refund").values(),
    ):
        made["created"] -= 10 * 86_400
    stripe.hold()
    stripe.finish_processing(str(payment(order).intent_id))
    stripe.finish_refund(stripe.refunds[0]["id"])
    assert reconcile() == []
    assert stands(order) == ("processing", "paid")
    assert stands(other) == ("processing", "refunded")


def test_what_differs_is_told(stripe: FakeStripe, caplog: pytest.LogCaptureFixture) -> None:
    clerk = make_user(is_staff=True)
    more, less, gone, unknown = (paid(stripe, place()) for _ in range(4))
    ids = {order.id: str(payment(order).intent_id) for order in (more, less, gone, unknown)}
    stripe.tamper(ids[more.id], amount_received=9999)
    stripe.tamper(ids[less.id], currency="eur")
    del stripe.account.table("payment_intent")[ids[gone.id]]
    with unit_of_work() as session:
        session.execute(update(Payment).where(Payment.order_id == unknown.id).values(intent_id="x"))
    age(Payment, 0.5)
    found = "\n".join(sorted(reconcile()))
    assert f"of order {more.number} ({ids[more.id]}): 24.98 USD here, 99.99 USD at Stripe" in found
    assert f"of order {less.number} ({ids[less.id]}): 24.98 USD here, 24.98 EUR at Stripe" in found
    assert f"of order {gone.number} ({ids[gone.id]}) is not at Stripe" in found
    assert f"of order {unknown.number} (x) is not at Stripe" in found
    assert f"Stripe has {ids[unknown.id]} for order {unknown.number} (succeeded)" in found
    assert len(found.splitlines()) == 5
    [mail] = mails("payments_differ")
    assert (mail.user_id, mail.data["count"]) == (clerk.id, 5)
    assert caplog.text.count("payments differ") == 5


def test_refunds_that_differ_are_told(stripe: FakeStripe) -> None:
    order = paid(stripe, place())
    for amount in (100, 200, 300):
        refunds.request(SYSTEM, order.id, amount)
    refunding.send_due()
    stripe.settle()
    one, two, three = rows(Refund)
    stripe.account.find("refund", one.refund_id)["amount"] = 150
    del stripe.account.table("refund")[two.refund_id]
    with unit_of_work() as session:
        session.execute(update(Refund).values(created_at=clock.now() - timedelta(hours=12)))
    found = "\n".join(reconcile())
    assert f"refund {one.refund_id} is 1.50 USD succeeded at Stripe, 1.00 USD succeeded" in found
    assert f"refund {two.id} ({two.refund_id}) is not at Stripe" in found
    assert three.refund_id not in found


def test_stripe_is_away(stripe: FakeStripe) -> None:
    paid(stripe, place())
    stripe.fail("GET /v1/payment_intents", "http_503", times=3)
    with pytest.raises(errors.PaymentsUnavailable):
        reconcile()


def test_the_daily_job(stripe: FakeStripe) -> None:
    make_user(is_staff=True)
    order = paid(stripe, place())
    age_at_stripe(stripe)
    stripe.tamper(str(payment(order).intent_id), amount_received=1)
    jobs.reconcile_payments()
    assert len(mails("payments_differ")) == 1


def test_the_command(stripe: FakeStripe, app: Flask) -> None:
    order = paid(stripe, place())
    # Made in the second that runs: a list up to now leaves it out.
    age_at_stripe(stripe)
    run = app.test_cli_runner()
    done = run.invoke(args=["payments", "reconcile", "--days", "2"])
    assert (done.exit_code, done.output) == (0, "Nothing differs.\n")
    stripe.tamper(str(payment(order).intent_id), amount_received=1)
    done = run.invoke(args=["payments", "reconcile"])
    assert done.exit_code == 1
    assert f"of order {order.number}" in done.output


def age_at_stripe(stripe: FakeStripe) -> None:
    """Have all intents be made a minute ago."""
    for made in stripe.account.table("payment_intent").values():
        made["created"] -= 60
