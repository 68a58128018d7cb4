"""Somebody dies between every two steps from the order to the parcel; the money still adds up."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import select

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import Email, Order, OrderEvent, Payment
from bookstore.unit_of_work import unit_of_work
from tests.clients import wait_until
from tests.faults.paying import ASKS_BACK, DECLINED, GOOD, HEALED, Till

pytestmark = pytest.mark.faults

CREATE = "POST /v1/payment_intents"


@pytest.fixture
def till(tmp_path: Path, database_url: str) -> Iterator[Till]:
    with Till(tmp_path / "home", database_url) as made:
        yield made


def dies(till: Till) -> None:
    till.live.kill()


def comes_back(till: Till) -> None:
    till.live.start()
    till.stripe.endpoint = f"{till.live.url}/api/v2/payments/stripe/events"


def test_the_web_is_killed_between_every_two_steps(till: Till) -> None:
    [token] = till.buyers(1)

    # The order is committed, the answer gets lost: asked again, it is the same order.
    order = till.order(token)
    till.restart()
    assert till.order(token) == order

    # Stripe has made the intent, and the shop dies before it knows.
    held = till.stripe.fail(CREATE, "slow_after")
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(till.intent, token, order)
        held.wait()
        dies(till)
        held.release.set()
        comes_back(till)
        intent = asking.result()
    assert [one["id"] for one in till.stripe.intents] == [intent["payment_intent"]]

    # It knows, and dies before anybody pays.
    till.restart()
    assert till.intent(token, order) == intent

    # The money is there while nobody is: the event is sent until somebody takes it.
    dies(till)
    till.stripe.pay(intent["client_secret"], GOOD)
    comes_back(till)
    till.wait_for(order, "processing", "paid")

    # The effect is committed, Stripe did not hear of it and sends the event again.
    [paid] = [one for one in till.stripe.events if one["type"] == "payment_intent.succeeded"]
    till.restart()
    till.stripe.again(paid, copies=3)
    assert till.status(order) == ("processing", "paid")

    # Fulfilment: the worker dies with the mails in its hands.
    till.worker.kill()
    till.call("POST", f"/orders/{order}/status", {"status": "shipped"}, till.clerk)
    till.worker.start()
    till.restart()
    wait_until(partial(sent, till, "order_shipped"), HEALED)
    till.all_agree()


def sent(till: Till, template: str) -> bool:
    with till.shop.app_context(), db.engine.connect() as connection:
        found = connection.execute(select(Email.status).where(Email.template == template)).all()
    return [row.status for row in found] == ["succeeded"]


def test_a_refund_survives_the_worker_and_stripe(till: Till) -> None:
    [token] = till.buyers(1)
    order = till.order(token)
    till.stripe.pay(till.intent(token, order)["client_secret"], GOOD)
    till.wait_for(order, "processing", "paid")

    # Promised, and nobody there to keep the promise.
    till.worker.kill()
    till.refund(order, "1.00", "first")
    till.worker.start()
    till.wait_for(order, "processing", "partially_refunded")

    # Stripe has done it, and the worker dies before it hears of it.
    held = till.stripe.fail("POST /v1/refunds", "slow_after")
    till.refund(order, "2.00", "second")
    held.wait()
    till.worker.kill()
    held.release.set()
    till.worker.start()

    # Stripe has done it, and the answer gets lost on the way, twice.
    till.stripe.fail("POST /v1/refunds", "timeout_after_commit", 2)
    till.refund(order, "3.00", "third")
    till.stripe.fail("POST /v1/refunds", "http_429", 1)
    till.refund(order, "4.00", "fourth")
    till.all_agree()
    assert sorted(one["amount"] for one in till.stripe.refunds) == [100, 200, 300, 400]


def expire(till: Till, orders: list[int]) -> None:
    """Let the time of these orders be over."""
    with till.shop.app_context(), unit_of_work() as session:
        for order in session.scalars(select(Order).where(Order.id.in_(orders))):
            order.expires_at = clock.now()


def were_cancelled(till: Till) -> set[int]:
    """Return the orders that were cancelled at some time."""
    gone = select(OrderEvent.order_id).where(OrderEvent.to_status == "cancelled")
    with till.shop.app_context(), db.engine.connect() as connection:
        return set(connection.execute(gone).scalars())


def test_unpaid_orders_expire_while_their_money_comes_in(till: Till) -> None:
    tokens = till.buyers(20)
    orders = [till.order(token) for token in tokens]
    secrets = [
        till.intent(token, order)["client_secret"]
        for token, order in zip(tokens, orders, strict=True)
    ]
    till.stripe.hold()
    for secret in secrets[:10]:
        till.stripe.pay(secret, GOOD)
    expire(till, orders)
    wait_until(lambda: were_cancelled(till) >= set(orders), HEALED)
    till.restart()
    till.stripe.release()
    for order in orders[:10]:
        # Their copies are still there: as if nothing had been.
        till.wait_for(order, "processing", "paid")
    till.all_agree()
    assert {till.status(order) for order in orders[10:]} == {("cancelled", "unpaid")}
    states = {one["id"]: one["status"] for one in till.stripe.intents}
    assert sorted(states.values()) == ["canceled"] * 10 + ["succeeded"] * 10


@pytest.mark.parametrize("seed", range(2))
def test_a_storm_of_everything(till: Till, seed: int) -> None:
    dice = random.Random(seed)
    stripe = till.stripe
    stripe.webhooks.copies, stripe.webhooks.order, stripe.webhooks.at_once = 2, "shuffled", True
    tokens = till.buyers(40)
    over = Event()

    def one(number: int, token: str) -> None:
        order = till.order(token)
        intent = till.intent(token, order)
        fate = number % 5
        if fate == 0:
            return  # never pays
        if fate == 1:
            stripe.pay(intent["client_secret"], DECLINED)
        if fate == 2:
            stripe.pay(intent["client_secret"], ASKS_BACK)
            stripe.authenticate(intent["payment_intent"], ok=True)
        else:
            stripe.pay(intent["client_secret"], GOOD)
        till.wait_for(order, "processing", "paid")
        if fate == 3:
            till.refund(order, "5.00", f"half of {order}")
        if fate == 4:
            key = f"cancel {order}"
            till.call("POST", f"/orders/{order}/cancel", {}, token, Idempotency_Key=key)

    def trouble() -> None:
        while not over.wait(dice.uniform(1, 3)):
            what = dice.choice(["web", "worker", "create", "refund"])
            if what == "web":
                till.restart()
            elif what == "worker":
                till.worker.kill()
                till.worker.start()
            else:
                path = CREATE if what == "create" else "POST /v1/refunds"
                kinds = ["timeout_after_commit", "timeout_before", "http_500", "http_429"]
                stripe.fail(path, dice.choice(kinds), dice.randint(1, 3))

    with ThreadPoolExecutor(9) as pool:
        killer = pool.submit(trouble)
        try:
            for done in [pool.submit(one, n, token) for n, token in enumerate(tokens)]:
                done.result()
        finally:
            over.set()
        killer.result()
    stripe.calm()
    till.all_agree()
    with till.shop.app_context(), db.engine.connect() as connection:
        orders = connection.execute(select(Order.status, Order.payment_status)).all()
        live = connection.execute(select(Payment.order_id).where(Payment.is_live)).all()
    assert len(orders) == len(tokens)
    assert len(live) == len(set(live))
    assert sorted(orders) == sorted(
        [("pending", "unpaid")] * 8
        + [("processing", "paid")] * 16
        + [("processing", "partially_refunded")] * 8
        + [("cancelled", "refunded")] * 8
    )
