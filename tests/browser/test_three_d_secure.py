"""The page of the bank that does not exist, in a real browser: there and back."""

from flask import Flask

from tests.browser.chromium import Page
from tests.clients import ADDRESS, LiveShop, wait_until
from tests.factories import make_buyers, new_book

ASKS = "4000002500003155"


def test_a_buyer_completes_it_and_comes_back(shop: Flask, live: LiveShop, page: Page) -> None:
    new_book(shop, price=1999)
    [(_, token)] = make_buyers(shop, 1)
    assert live.call("POST", "/cart/items", {"book_id": 1}, token).status_code == 201
    order = live.call("POST", "/orders", {"shipping_address": ADDRESS}, token).json()
    intent = live.call("POST", f"/orders/{order['id']}/payment-intent", None, token).json()
    back = f"/track/{order['number']}"
    body = {"client_secret": intent["client_secret"], "card_number": ASKS, "return_url": back}

    def ask() -> None:
        asked = live.call("POST", "/payments/test/confirm", body, token).json()
        assert asked["status"] == "requires_action"
        page.open(asked["next_action"]["url"])

    def status() -> str:
        return str(live.call("GET", f"/orders/{order['id']}", None, token).json()["payment_status"])

    ask()
    assert page.faults() == []
    for outcome, told, becomes in (
        ("fail", "failed", "failed"),
        ("complete", "succeeded", "paid"),
    ):
        ask()
        page.evaluate(f"document.querySelector('button[value={outcome}]').click()")
        page.wait_for(f"location.search.includes('redirect_status={told}')")
        assert page.evaluate("location.pathname") == back
        wait_until(lambda becomes=becomes: status() == becomes)
