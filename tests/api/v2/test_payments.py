"""Payments and refunds over HTTP: who may, what is refused, and many at once."""

import json
import time
from functools import partial
from typing import Any

import pytest
import stripe
from flask import Flask

from bookstore.services import refunding
from tests.clients import Client, LiveShop, at_once, ok, problem
from tests.factories import (
    check_books,
    fill_carts,
    make_buyers,
    make_clerk,
    new_book,
    reader_and_clerk,
)
from tests.fakes.stripe import FakeStripe
from tests.paying import ADDRESS, DISPUTED, GOOD, buy, state

EVENTS = "/payments/stripe/events"


@pytest.fixture
def order(fake_stripe: FakeStripe, shop: Flask, reader: Client) -> dict[str, Any]:
    """An order of the reader's, unpaid."""
    return buy(reader, new_book(shop, price=2000))


def open_intent(client: Client, order: dict[str, Any]) -> dict[str, Any]:
    return dict(ok(client.post(f"/orders/{order['id']}/payment-intent")))


def pay(stripe_: FakeStripe, client: Client, order: dict[str, Any], card: str = GOOD) -> str:
    """Pay an order, and return the id of the intent."""
    opened = open_intent(client, order)
    stripe_.pay(opened["client_secret"], card)
    stripe_.settle()
    return str(opened["payment_intent"])


def test_an_intent(fake_stripe: FakeStripe, reader: Client, order: dict[str, Any]) -> None:
    opened = open_intent(reader, order)
    assert opened["amount"] == order["total_amount"] == "24.99"
    assert opened["currency"] == "usd"
    assert opened["client_secret"].startswith(f"{opened['payment_intent']}_secret_")
    assert open_intent(reader, order) == opened
    # Whatever the client says of amounts.
    problem(reader.post(f"/orders/{order['id']}/payment-intent?amount=1"), 422, "validation_failed")


def test_whose_order_it_is(
    shop: Flask, reader: Client, clerk: Client, client: Client, order: dict[str, Any]
) -> None:
    path = f"/orders/{order['id']}/payment-intent"
    stranger, _ = reader_and_clerk(shop)
    for other in (stranger, clerk):
        problem(other.post(path), 404, "not_found")
    problem(client.post(path), 401, "unauthenticated")
    problem(reader.post("/orders/99/payment-intent"), 404, "not_found")


def test_what_cannot_be_paid(
    fake_stripe: FakeStripe, shop: Flask, reader: Client, order: dict[str, Any]
) -> None:
    pay(fake_stripe, reader, order)
    problem(reader.post(f"/orders/{order['id']}/payment-intent"), 409, "already_paid")
    other = buy(reader, new_book(shop))
    ok(reader.post(f"/orders/{other['id']}/cancel", {}))
    problem(reader.post(f"/orders/{other['id']}/payment-intent"), 409, "order_not_payable")
    third = buy(reader, new_book(shop))
    fake_stripe.fail("POST /v1/payment_intents", "http_429")
    problem(reader.post(f"/orders/{third['id']}/payment-intent"), 503, "payments_unavailable")


def test_events_that_stripe_did_not_sign_change_nothing(
    fake_stripe: FakeStripe, shop: Flask, client: Client, reader: Client, order: dict[str, Any]
) -> None:
    fake_stripe.pay(open_intent(reader, order)["client_secret"], GOOD)
    event = next(one for one in fake_stripe.events if one["type"] == "payment_intent.succeeded")
    body = json.dumps(event)
    sign = stripe.WebhookSignature.generate_signature_header
    right = sign(body, fake_stripe.webhook_secret)
    before = state(shop)
    wrong = {
        "none": (body, ""),
        "junk": (body, "t=1,v1=é"),
        "another secret": (body, sign(body, "whsec_other")),
        "too old": (body, sign(body, fake_stripe.webhook_secret, int(time.time()) - 400)),
        "another body": (body.replace("pi_", "pi_1"), right),
        "no json": ("nothing", sign("nothing", fake_stripe.webhook_secret)),
        "no event": ("{}", sign("{}", fake_stripe.webhook_secret)),
        "a list": ("[]", sign("[]", fake_stripe.webhook_secret)),
    }
    # Signed, and yet not what Stripe would write.
    for odd in (None, {}, {"id": 1}, {**event["data"]["object"], "currency": None}, []):
        payload = json.dumps({**event, "id": "evt_odd", "data": {"object": odd}})
        wrong[f"about {odd}"] = (payload, sign(payload, fake_stripe.webhook_secret))
    for name, (payload, header) in wrong.items():
        answer = client.post(EVENTS, payload, Stripe_Signature=header)
        assert answer.status_code == 400, (name, answer.get_json())
        assert "library" not in problem(answer, 400, "signature_invalid")["detail"]
    assert state(shop) == before
    assert ok(client.post(EVENTS, body, Stripe_Signature=right)) == {"received": True}
    assert ok(reader.get(f"/orders/{order['id']}"))["payment_status"] == "paid"


def test_refunds(
    fake_stripe: FakeStripe, shop: Flask, reader: Client, clerk: Client, order: dict[str, Any]
) -> None:
    path = f"/orders/{order['id']}/refunds"
    problem(clerk.post(path, {}), 409, "refund_exceeds_payment")
    pay(fake_stripe, reader, order)
    problem(reader.post(path, {}), 403, "forbidden")
    body = {"amount": "10.00", "reason": "a torn page", "restock": True}
    first = ok(clerk.post(path, body, Idempotency_Key="once"), 201)
    assert ok(clerk.post(path, body, Idempotency_Key="once"), 201) == first
    assert (first["amount"], first["status"], first["restock"]) == ("10.00", "pending", True)
    over = problem(clerk.post(path, {"amount": "15.00"}), 409, "refund_exceeds_payment")
    assert over["refundable"] == "14.99"
    problem(clerk.post(path, {"amount": "1.00", "restock": True}), 409, "already_restocked")
    for amount in ("0.00", "-1.00", "1.001", 1):
        assert (
            "amount"
            in problem(clerk.post(path, {"amount": amount}), 422, "validation_failed")["errors"]
        )
    rest = ok(clerk.post(path, {}), 201)
    assert rest["amount"] == "14.99"
    stranger, _ = reader_and_clerk(shop)
    for client in (reader, clerk):
        assert [one["id"] for one in ok(client.get(path))["data"]] == [first["id"], rest["id"]]
    problem(stranger.get(path), 404, "not_found")


def test_staff_find_what_is_in_review(
    fake_stripe: FakeStripe, shop: Flask, reader: Client, clerk: Client, order: dict[str, Any]
) -> None:
    buy(reader, new_book(shop))
    pay(fake_stripe, reader, order, DISPUTED)
    found = ok(clerk.get("/orders?all=true&payment_status=review"))["data"]
    assert [one["id"] for one in found] == [order["id"]]
    problem(clerk.get("/orders?payment_status=odd"), 422, "validation_failed")
    problem(reader.post(f"/orders/{order['id']}/cancel", {}), 409, "order_in_review")
    assert ok(clerk.post(f"/orders/{order['id']}/status", {"status": "shipped"}))["status"] == (
        "shipped"
    )
    # Its money is all there: whoever ships it has accepted it.
    assert ok(clerk.get("/orders?all=true&payment_status=review"))["data"] == []


def test_many_at_once_have_one_intent(
    fake_stripe: FakeStripe, live_stripe: LiveShop, shop: Flask
) -> None:
    [(user, token)] = make_buyers(shop, 1)
    fill_carts(shop, {user: [(new_book(shop), 1)]})
    order = live_stripe.call("POST", "/orders", {"shipping_address": ADDRESS}, token).json()
    path = f"/orders/{order['id']}/payment-intent"
    answers = at_once([partial(live_stripe.call, "POST", path, None, token) for _ in range(8)])
    # Stripe refuses a key that is in use; the library, and the buyer, ask again.
    assert {one.status_code for one in answers} <= {200, 503}
    known = {one.json()["payment_intent"] for one in answers if one.ok}
    assert len(known) == len(fake_stripe.intents) == 1
    assert len({one["id"] for one in fake_stripe.account.table("customer").values()}) == 1
    secret = live_stripe.call("POST", path, None, token).json()["client_secret"]
    fake_stripe.webhooks.copies, fake_stripe.webhooks.at_once = 2, True
    fake_stripe.pay(secret, GOOD)
    fake_stripe.settle()
    paid = live_stripe.call("GET", f"/orders/{order['id']}", None, token).json()
    assert (paid["status"], paid["payment_status"], paid["version"]) == ("processing", "paid", 3)


def test_refunds_at_once_never_exceed_what_was_paid(
    fake_stripe: FakeStripe, live_stripe: LiveShop, shop: Flask
) -> None:
    clerk, book = make_clerk(shop), new_book(shop, price=9501, stock=5)
    buyers = make_buyers(shop, 2)
    fill_carts(shop, {user: [(book, 1)] for user, _ in buyers})
    call, paths = live_stripe.call, []
    for _, token in buyers:
        order = call("POST", "/orders", {"shipping_address": ADDRESS}, token).json()
        assert order["total_amount"] == "100.00"
        paths.append(f"/orders/{order['id']}")
        opened = call("POST", f"{paths[-1]}/payment-intent", None, token).json()
        fake_stripe.pay(opened["client_secret"], GOOD)
    fake_stripe.settle()

    def refund(path: str, *, restock: bool = False) -> int:
        body = {"amount": "10.00", "restock": restock}
        return int(call("POST", f"{path}/refunds", body, clerk).status_code)

    def cancel(path: str) -> int:
        return int(call("POST", f"{path}/cancel", {}, clerk).status_code)

    statuses = at_once([partial(refund, paths[0])] * 20)
    assert sorted(statuses) == [201] * 10 + [409] * 10
    # Of two who cancel, one does; what the refunds have left goes back; the copy does so once.
    restock = partial(refund, restock=True)
    done = at_once([partial(do, paths[1]) for do in (refund, restock, cancel) * 2])
    assert set(done) <= {200, 201, 409}
    assert done.count(200) == 1
    with shop.app_context():
        refunding.send_due()
    fake_stripe.settle()
    assert fake_stripe.balance() == {"usd": 0}
    for path in paths:
        given = call("GET", f"{path}/refunds", None, clerk).json()["data"]
        assert {one["status"] for one in given} == {"succeeded"}
        assert sum(round(100 * float(one["amount"])) for one in given) == 10_000
        assert call("GET", path, None, clerk).json()["payment_status"] == "refunded"
    assert check_books(shop) == {book: 4}
