"""POST /payments/test/confirm and the 3-D Secure page: what a browser does at Stripe."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from bookstore import create_app
from bookstore.config import Settings
from tests.clients import ADDRESS, Client, LiveShop, ok, problem, wait_until
from tests.factories import log_in, make_book, make_buyers, make_user, new_book

GOOD, DECLINED, SECURE = "4242424242424242", "4000000000000002", "4000002500003155"
PATH = "/payments/test/confirm"


@pytest.fixture
def reader(shop: Flask) -> Client:
    with shop.app_context():
        make_book(price=1999)
        return log_in(shop, make_user())


def to_pay(reader: Client) -> str:
    """Return the client secret of a new order's intent."""
    ok(reader.post("/cart/items", {"book_id": 1}), 201)
    order = ok(reader.post("/orders", {"shipping_address": ADDRESS}), 201)
    return str(ok(reader.post(f"/orders/{order['id']}/payment-intent"))["client_secret"])


def pay(reader: Client, secret: str, card: str, **more: str) -> dict[str, Any]:
    """Pay and return the answer."""
    body = {"client_secret": secret, "card_number": card, **more}
    return dict(ok(reader.post(PATH, body)))


def test_cards(reader: Client) -> None:
    secret = to_pay(reader)
    declined = pay(reader, secret, DECLINED)
    assert declined == {
        "payment_intent": secret.partition("_secret_")[0],
        "status": "requires_payment_method",
        "decline_code": "generic_decline",
        "next_action": None,
    }
    assert pay(reader, secret, "4242424242424241")["decline_code"] == "incorrect_number"
    assert pay(reader, secret, "4242 4242 4242 4242")["status"] == "succeeded"
    body = {"client_secret": secret, "card_number": GOOD}
    problem(reader.post(PATH, body), 409, "already_paid")


def test_only_ones_own_order(shop: Flask, reader: Client) -> None:
    secret = to_pay(reader)
    with shop.app_context():
        other, clerk = log_in(shop, make_user()), log_in(shop, make_user(is_staff=True))
    body = {"client_secret": secret, "card_number": GOOD}
    for somebody in (other, clerk):
        problem(somebody.post(PATH, body), 404, "not_found")
    problem(Client(shop).post(PATH, body), 401, "unauthenticated")
    for guess in (f"{secret}x", secret.partition("_secret_")[0], "pi_none_secret_none"):
        problem(reader.post(PATH, {**body, "client_secret": guess}), 404, "not_found")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("card_number", "four"),
        ("card_number", "4242-4242\n"),
        ("card_number", "4" * 40),
        ("return_url", "https://elsewhere.example/"),
        ("return_url", "//elsewhere.example/"),
        ("return_url", "/\\elsewhere.example"),
        ("return_url", "/a\nb"),
    ],
)
def test_bad_input(reader: Client, field: str, value: str) -> None:
    body = {"client_secret": "pi_1_secret_1", "card_number": GOOD, field: value}
    refused = problem(reader.post(PATH, body), 422, "validation_failed")
    assert list(refused["errors"]) == [field]
    if field == "card_number":
        # What may be somebody's card is not said again.
        assert value.strip() not in json.dumps(refused)


def test_3d_secure_page(shop: Flask, reader: Client) -> None:
    browser = shop.test_client()
    secret = to_pay(reader)
    asked = pay(reader, secret, SECURE, return_url="/track/1?a=b")
    assert (asked["status"], asked["next_action"]["type"]) == ("requires_action", "redirect_to_url")
    url = asked["next_action"]["url"]
    path = "/payments" + url.partition("/payments")[2]
    page = browser.get(path)
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "USD" in page.text
    assert 'href="/track/1?a=b"' in page.text
    assert secret not in page.text
    problem(browser.post(path), 422, "validation_failed")
    failed = browser.post(path, data={"outcome": "fail"})
    intent = secret.partition("_secret_")[0]
    assert failed.status_code == 303
    back = f"/track/1?a=b&payment_intent={intent}&redirect_status=failed"
    assert failed.headers["Location"] == back
    # What was answered stays so.
    browser.post(path, data={"outcome": "complete"})
    assert "not paid" in browser.get(path).text
    path = "/payments" + pay(reader, secret, SECURE)["next_action"]["url"].partition("/payments")[2]
    paid = browser.post(path, data={"outcome": "complete"})
    assert (paid.status_code, paid.headers["Location"]) == (303, path)
    assert "It is paid" in browser.get(path).text
    problem(browser.get("/payments/test/3ds/guess"), 404, "not_found")
    problem(browser.post("/payments/test/3ds/guess", data={"outcome": "fail"}), 404, "not_found")


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_shop_with_a_key_has_none_of_it(shop: Flask, reader: Client) -> None:
    settings: Settings = shop.config["SETTINGS"]
    real = replace(settings, stripe_secret_key="sk_test_1", stripe_webhook_secret="whsec_1")
    elsewhere = Client(create_app(real), reader.headers)
    body = {"client_secret": "pi_1_secret_1", "card_number": GOOD}
    problem(elsewhere.post(PATH, body), 404, "not_found")
    for method in ("GET", "POST"):
        answer = elsewhere.http.open(
            "/payments/test/3ds/x", method=method, data={"outcome": "complete"}
        )
        problem(answer, 404, "not_found")


def test_the_signed_event_pays_the_order(shop: Flask, live: LiveShop) -> None:
    new_book(shop, price=1999)
    [(_, token)] = make_buyers(shop, 1)
    assert live.call("POST", "/cart/items", {"book_id": 1}, token).status_code == 201
    order = live.call("POST", "/orders", {"shipping_address": ADDRESS}, token).json()
    intent = live.call("POST", f"/orders/{order['id']}/payment-intent", None, token).json()

    def status() -> tuple[str, str]:
        seen = live.call("GET", f"/orders/{order['id']}", None, token).json()
        return seen["status"], seen["payment_status"]

    body = {"client_secret": intent["client_secret"], "card_number": DECLINED}
    assert live.call("POST", PATH, body, token).json()["status"] == "requires_payment_method"
    wait_until(lambda: status() == ("pending", "failed"))
    body["card_number"] = GOOD
    assert live.call("POST", PATH, body, token).json()["status"] == "succeeded"
    wait_until(lambda: status() == ("processing", "paid"))
    assert GOOD not in Path(live.log.name).read_text()
