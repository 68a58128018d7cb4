"""Jobs about money, queued by their names and run by a real worker."""

import pytest
from flask import Flask
from sqlalchemy import delete, update

from bookstore import errors
from bookstore.config import Settings
from bookstore.gateways import beats, queue
from bookstore.jobs import process_order_payment, send_order_confirmation_email
from bookstore.models import Email
from bookstore.services import confirmations, orders, paying, refunds
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import wait_until
from tests.fakes.stripe import FakeStripe
from tests.paying import lose_the_answer, mails, paid, payment, place, stands, told
from tests.processes import LiveWorker


@pytest.fixture
def till(settings: Settings, fake_stripe: FakeStripe) -> dict[str, str]:
    """The environment of a worker that takes payments by the fake."""
    return {name.upper(): str(value) for name, value in fake_stripe.settings.items()}


def test_jobs_by_their_names(
    app: Flask, settings: Settings, till: dict[str, str], fake_stripe: FakeStripe, shop: Flask
) -> None:
    good, declined, refunded, gone = place(), place(), paid(fake_stripe, place()), place()
    paying.open_intent(gone.user, gone.id)
    with unit_of_work() as session:
        session.execute(delete(Email))
    for _ in range(2):
        queue.enqueue("bookstore.jobs.process_order_payment", good.id, "pm_card_visa")
        queue.enqueue("bookstore.jobs.process_order_payment", declined.id, "pm_card_chargeDeclined")
        queue.enqueue("bookstore.jobs.send_order_confirmation_email", good.id)
    # These queue the job themselves.
    refunds.request(SYSTEM, refunded.id)
    orders.cancel(SYSTEM, gone.id)
    with LiveWorker(settings, "jobs", **till) as worker:
        wait_until(lambda: beats.counts()["jobs"] == 1)
        wait_until(lambda: queue.depths()["jobs"] == 0)
        wait_until(lambda: len(fake_stripe.refunds) == 1)
        fake_stripe.settle()
        wait_until(lambda: stands(refunded) == ("processing", "refunded"))
        wait_until(lambda: payment(gone).status == "canceled")
        assert worker.stop() == 0
        assert "Traceback" not in worker.log
    fake_stripe.settle()
    assert stands(good) == ("processing", "paid")
    assert stands(declined) == ("pending", "failed")
    assert told(declined) == ["order.created", "payment.failed"]
    # Run twice, done once.
    assert fake_stripe.balance() == {"usd": good.total_amount}
    assert len(mails("order_confirmation")) == 1
    assert queue.queue("jobs").failed_job_registry.count == 0


@pytest.mark.parametrize("method", ["pm_card_authenticationRequired", "pm_card_chargeDeclined"])
def test_a_declined_card_is_no_fault_of_the_job(
    app: Flask, fake_stripe: FakeStripe, method: str
) -> None:
    order = place()
    process_order_payment(order.id, method)
    process_order_payment(order.id, method)
    fake_stripe.settle()
    assert stands(order) == ("pending", "failed")
    with pytest.raises(errors.CardDeclined) as declined:
        paying.pay(order.id, method)
    assert declined.value.extra["decline_code"]
    process_order_payment(order.id, "pm_card_visa")
    fake_stripe.settle()
    assert stands(order) == ("processing", "paid")
    process_order_payment(order.id, "pm_card_visa")
    assert fake_stripe.balance() == {"usd": order.total_amount}


def test_trouble_at_stripe_is_for_another_try(app: Flask, fake_stripe: FakeStripe) -> None:
    order = place()
    lose_the_answer(fake_stripe, "POST /v1/payment_intents/*/confirm")
    with pytest.raises(errors.PaymentsUnavailable):
        process_order_payment(order.id, "pm_card_visa")
    # It was paid, though; asked again, with the same key, it is not paid twice.
    process_order_payment(order.id, "pm_card_visa")
    fake_stripe.settle()
    assert stands(order) == ("processing", "paid")
    assert fake_stripe.balance() == {"usd": order.total_amount}
    with pytest.raises(errors.NotFound):
        process_order_payment(99, "pm_card_visa")


def test_what_is_refused_for_good_is_not_tried_again(app: Flask, fake_stripe: FakeStripe) -> None:
    order = place()
    process_order_payment(order.id, "pm_of_nobody")
    with pytest.raises(errors.OrderNotPayable):
        paying.pay(order.id, "pm_of_nobody")
    assert stands(order) == ("pending", "unpaid")


def test_a_confirmation_is_sent_once(app: Flask) -> None:
    order = place()
    [mail] = mails("order_confirmation")
    send_order_confirmation_email(order.id)
    assert [one.id for one in mails("order_confirmation")] == [mail.id]
    with unit_of_work() as session:
        session.execute(update(Email).values(status="failed", attempts=9))
    assert confirmations.send(order.id)
    assert [(one.id, one.status, one.attempts) for one in mails("order_confirmation")] == [
        (mail.id, "pending", 0)
    ]
    with unit_of_work() as session:
        session.execute(update(Email).values(status="succeeded"))
    assert not confirmations.send(order.id)
    with pytest.raises(errors.NotFound):
        send_order_confirmation_email(99)
