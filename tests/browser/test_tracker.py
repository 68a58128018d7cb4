"""The order tracker in a real browser, against the shop as real processes."""

import os
import signal

import pytest
from flask import Flask

from bookstore.services import refunding
from tests.browser.chromium import Page
from tests.clients import ADDRESS, LiveShop
from tests.factories import PASSWORD, make_book, make_clerk
from tests.fakes.stripe import FakeStripe
from tests.paying import GOOD


class Order:
    """An order of Ann's."""

    def __init__(self, shop: Flask, live: LiveShop) -> None:
        with shop.app_context():
            book = make_book("The Left Hand of Darkness", price=999)
        self.live, self.clerk = live, make_clerk(shop)
        self.token = live.register("ann")
        live.call("POST", "/cart/items", {"book_id": book.id, "quantity": 2}, self.token)
        placed = live.call("POST", "/orders", {"shipping_address": ADDRESS}, self.token).json()
        self.id, self.number = placed["id"], placed["number"]

    def move(self, status: str, **more: str) -> None:
        path, body = f"/orders/{self.id}/status", {"status": status, **more}
        assert self.live.call("POST", path, body, self.clerk).status_code == 200


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.fill("#username", "ann")
    page.fill("#password", password)
    page.press_enter()


def is_live(page: Page) -> None:
    page.wait_for("document.querySelector('#connection').dataset.state === 'live'")


@pytest.mark.faults
def test_it_logs_in_follows_and_survives_a_restart(shop: Flask, live: LiveShop, page: Page) -> None:
    order = Order(shop, live)
    page.open(f"{live.url}/track/{order.number}")
    page.wait_for("!document.querySelector('#login').hidden")
    log_in(page, "not the password")
    page.wait_for("!document.querySelector('#problem').hidden")
    assert "password is wrong" in page.text("#problem")
    page.evaluate("document.querySelector('#login').reset()")
    log_in(page)
    is_live(page)
    assert page.text("#status") == "We have your order."
    assert "2 × The Left Hand of Darkness" in page.text("#items")
    # What is not worth a line of its own is left out; the lines add to the total.
    rows = "[...document.querySelectorAll('#items li')].map((row) => row.lastChild.textContent)"
    assert page.evaluate(rows) == ["19.98", "4.99"]
    assert page.text("#total") == "24.97 USD"
    order.move("processing")
    page.wait_for("document.querySelector('#status').innerText === 'We are packing your books.'")
    port = live.port
    live.stop()
    page.wait_for("document.querySelector('#connection').dataset.state !== 'live'")
    live.start()
    assert live.port == port, "the browser knows only the old address"
    # What happens before the page is back is not missed.
    order.move("shipped", tracking_number="TRACK-0042")
    page.wait_for("document.querySelector('#tracking dd').innerText === 'TRACK-0042'")
    is_live(page)
    assert page.text("[aria-current=step]") == "On its way"
    page.wait_for("document.querySelectorAll('#history li').length === 3")
    # Still logged in after a reload, and no longer after logging out.
    page.call("Page.reload")
    page.wait_for("document.querySelector('#order') && !document.querySelector('#order').hidden")
    is_live(page)
    page.evaluate("document.querySelector('#logout').click()")
    page.wait_for("!document.querySelector('#login').hidden")
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_was_refunded_is_not_said_to_be_packed(
    shop: Flask, live_stripe: LiveShop, fake_stripe: FakeStripe, page: Page
) -> None:
    order = Order(shop, live_stripe)
    path = f"/orders/{order.id}"
    secret = live_stripe.call("POST", f"{path}/payment-intent", token=order.token).json()
    fake_stripe.pay(secret["client_secret"], GOOD)
    page.open(f"{live_stripe.url}/track/{order.number}")
    page.wait_for("!document.querySelector('#login').hidden")
    log_in(page)
    page.wait_for("document.querySelector('#status').innerText === 'We are packing your books.'")
    body = {"reason": "out of print"}
    assert live_stripe.call("POST", f"{path}/refunds", body, order.clerk).status_code == 201
    with shop.app_context():
        refunding.send_due()
    page.wait_for("document.querySelector('#status').innerText.includes('has gone back')")
    last = "document.querySelector('#history li:last-child span').innerText"
    page.wait_for(f"{last} === 'Refund of 24.97 USD: out of print'")


@pytest.mark.parametrize("database", ["sqlite"])
def test_waking_does_not_log_out(shop: Flask, live: LiveShop, page: Page) -> None:
    """All that happens on waking starts at once, with a token that has expired meanwhile.

    A refresh token that comes twice would be taken for stolen, and end the login.
    """
    order = Order(shop, live)
    page.open(f"{live.url}/track/{order.number}")
    page.wait_for("!document.querySelector('#login').hidden")
    log_in(page)
    is_live(page)
    page.evaluate(EXPIRE)
    live.stop()
    page.wait_for("document.querySelector('#connection').dataset.state !== 'live'")
    live.start()
    page.evaluate("for (const e of ['online', 'pageshow', 'online']) dispatchEvent(new Event(e))")
    page.evaluate("wake()")
    is_live(page)
    order.move("processing")
    page.wait_for("document.querySelectorAll('#history li').length === 2")
    assert page.evaluate("document.querySelector('#login').hidden")
    assert page.evaluate("refreshes") == 1


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_connection_that_died_without_a_word_is_noticed(
    shop: Flask, live: LiveShop, page: Page
) -> None:
    order = Order(shop, live)
    page.open(f"{live.url}/track/{order.number}")
    page.wait_for("!document.querySelector('#login').hidden")
    log_in(page)
    is_live(page)
    # The shop stands still: connections stay open, and nothing answers.
    os.killpg(live.process.pid, signal.SIGSTOP)
    try:
        page.evaluate("dispatchEvent(new Event('online'))")
        page.wait_for("document.querySelector('#connection').dataset.state !== 'live'")
    finally:
        os.killpg(live.process.pid, signal.SIGCONT)
    is_live(page)
    # And one that lives is left alone, though nothing is new.
    page.evaluate("var before = document.querySelector('#connection').innerText")
    page.evaluate("dispatchEvent(new Event('online'))")
    order.move("processing")
    page.wait_for("document.querySelectorAll('#history li').length === 2")
    assert page.evaluate("document.querySelector('#connection').dataset.state") == "live"


# The token that the page has now is refused from here on, as if its hour was over; and the network
# is held back until it has woken up.
EXPIRE = """
  var refreshes = 0, wake;
  const awake = new Promise((resolve) => { wake = resolve; });
  const stale = `Bearer ${JSON.parse(sessionStorage.getItem("tokens")).access}`;
  const whole = window.fetch;
  window.fetch = async (url, options) => {
    await awake;
    if (url.endsWith("/token/refresh")) refreshes += 1;
    if (options.headers.Authorization === stale) options.headers.Authorization += "x";
    return whole(url, options);
  };
"""


@pytest.mark.parametrize("database", ["sqlite"])
def test_anothers_order_is_not_shown(shop: Flask, live: LiveShop, page: Page) -> None:
    order = Order(shop, live)
    live.register("bob")
    page.open(f"{live.url}/track/{order.number}")
    page.wait_for("!document.querySelector('#login').hidden")
    page.fill("#username", "bob")
    page.fill("#password", PASSWORD)
    page.press_enter()
    page.wait_for("document.querySelector('#problem').innerText.includes('no such order')")
    assert page.evaluate("document.querySelector('#order').hidden")
