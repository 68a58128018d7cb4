"""The shop pays at the fake Stripe: in this process, as processes, by the gateway alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from flask import Flask

from bookstore.gateways.payments import BadEvent, PaymentError, Payments
from tests.clients import ADDRESS, Client, LiveShop, ok, wait_until
from tests.factories import fill_carts, log_in, make_buyers, make_user, new_book
from tests.fakes.asking import DECLINED, GOOD
from tests.fakes.stripe import RETURN_URL, FakeStripe
from tests.fakes.stripe.account import Object


def gateway(fake: FakeStripe, retries: int = 0) -> Payments:
    client = stripe.StripeClient(
        fake.secret_key, base_addresses={"api": fake.url}, max_network_retries=retries
    )
    return Payments(client, fake.webhook_secret)


def bought(client: Client, shop: Flask) -> tuple[Client, int, Any]:
    """Return a buyer, an order of theirs and its payment intent."""
    book = new_book(shop, price=1999)
    with shop.app_context():
        user = make_user()
    buyer = log_in(shop, user)
    fill_carts(shop, {user.id: [(book, 1)]})
    order = ok(buyer.post("/orders", {"shipping_address": ADDRESS}, Idempotency_Key="k"), 201)
    return buyer, order["id"], ok(buyer.post(f"/orders/{order['id']}/payment-intent"))


def test_in_this_process(client: Client, shop: Flask, fake_stripe: FakeStripe) -> None:
    buyer, order, intent = bought(client, shop)
    fake_stripe.pay(intent["client_secret"], DECLINED)
    fake_stripe.pay(intent["client_secret"], GOOD)
    assert ok(buyer.get(f"/orders/{order}"))["payment_status"] == "unpaid"
    sent = fake_stripe.deliver("reversed", copies=2, at_once=True)
    assert {one.status for one in sent} == {200}
    fake_stripe.settle()
    assert ok(buyer.get(f"/orders/{order}"))["payment_status"] == "paid"
    [held] = fake_stripe.holdings().values()
    assert held == fake_stripe.intents[0]["amount"]


def test_as_processes(
    live_stripe: LiveShop, shop: Flask, fake_stripe: FakeStripe, database: str
) -> None:
    [(user, token)] = make_buyers(shop, 1)
    fill_carts(shop, {user: [(new_book(shop), 1)]})
    fake_stripe.webhooks.copies, fake_stripe.webhooks.at_once = 2, True
    body = {"shipping_address": ADDRESS}
    order = live_stripe.call("POST", "/orders", body, token, Idempotency_Key="k").json()["id"]
    path = f"/orders/{order}"
    intent = live_stripe.call("POST", f"{path}/payment-intent", None, token).json()
    fake_stripe.pay(intent["client_secret"], GOOD)
    fake_stripe.settle()
    assert live_stripe.call("GET", path, None, token).json()["payment_status"] == "paid"


class TestGateway:
    """What the shop makes of Stripe's answers."""

    def test_all_of_it(self, fake: FakeStripe) -> None:
        payments = gateway(fake)
        customer = payments.create_customer(email="a@b.example", name="Ann", user_id=1, key="c")
        common: Object = {"customer": customer, "metadata": {"order": "1"}, "key": "i"}
        made = payments.create_intent(amount=1999, currency="usd", **common)
        assert payments.create_intent(amount=1999, currency="usd", **common) == made
        with pytest.raises(PaymentError) as caught:
            payments.create_intent(amount=1, currency="usd", **common)
        assert caught.value.final is False or caught.value.code is None
        with pytest.raises(PaymentError) as caught:
            payments.confirm_intent(
                made.id, payment_method="pm_card_chargeDeclined", return_url=RETURN_URL, key="1"
            )
        assert caught.value.decline_code == "generic_decline"
        paid = payments.confirm_intent(
            made.id, payment_method="pm_card_visa", return_url=RETURN_URL, key="2"
        )
        assert paid == payments.retrieve_intent(made.id)
        assert (paid.status, paid.amount_received) == ("succeeded", 1999)
        assert payments.cancel_intent(made.id, key="x").status == "succeeded"
        refund: Object = {"amount": 500, "currency": "usd", "refund_id": 1}
        first = payments.create_refund(made.id, **refund, key="r1")
        second = payments.create_refund(made.id, **refund, key="r2")
        assert payments.list_refunds(made.id) == [first, second]
        now = datetime.now(UTC)
        listed = payments.list_intents(now - timedelta(hours=1), now + timedelta(hours=1))
        assert [one.id for one in listed] == [made.id]

    def test_hundredths(self, fake: FakeStripe) -> None:
        payments = gateway(fake)
        customer = payments.create_customer(email="a@b.example", name="Ann", user_id=1, key="c")
        made = payments.create_intent(
            amount=1950, currency="isk", customer=customer, metadata={}, key="i"
        )
        assert (made.amount, fake.intents[0]["amount"]) == (1950, 195_000)

    def test_an_answer_that_was_lost(self, fake: FakeStripe) -> None:
        payments = gateway(fake, retries=2)
        fake.fail("POST /v1/customers", "timeout_after_commit")
        fake.fail("POST /v1/customers", "http_409")
        made = payments.create_customer(email="a@b.example", name="Ann", user_id=1, key="c")
        assert list(fake.account.table("customer")) == [made]
        assert [one.status for one in fake.calls("POST /v1/customers")] == [0, 409, 200]

    @pytest.mark.parametrize("kind", ["http_429", "http_500", "timeout_before", "bad_json"])
    def test_trouble_may_heal(self, fake: FakeStripe, kind: str) -> None:
        fake.fail("POST /v1/customers", kind)
        asked: Object = {"email": "a@b.example", "name": "Ann", "user_id": 1, "key": "c"}
        with pytest.raises(PaymentError) as caught:
            gateway(fake).create_customer(**asked)
        assert not caught.value.final
        assert gateway(fake).create_customer(**asked).startswith("cus_")
        assert len(fake.account.table("customer")) == 1

    def test_events(self, fake: FakeStripe) -> None:
        got: list[tuple[bytes, str]] = []

        def endpoint(body: bytes, headers: dict[str, str]) -> int:
            got.append((body, headers["Stripe-Signature"]))
            return 200

        fake.endpoint = endpoint
        gateway(fake).create_customer(email="a@b.example", name="Bücher", user_id=1, key="c")
        wait_until(lambda: bool(got))
        [(body, signature)] = got
        event = gateway(fake).read_event(body, signature)
        assert (event.type, event.object["name"]) == ("customer.created", "Bücher")
        for wrong in (body + b" ", body.replace(b"B", b"b")):
            with pytest.raises(BadEvent):
                gateway(fake).read_event(wrong, signature)
