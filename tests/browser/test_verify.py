"""An address that is verified in a real browser, by the link of the mail."""

from flask import Flask

from bookstore.services import accounts, email_verification
from tests.browser.chromium import Page
from tests.clients import LiveShop


def test_the_link_asks_and_verifies(shop: Flask, live: LiveShop, page: Page) -> None:
    token = live.register("ann")
    with shop.app_context():
        link = email_verification.make_token(accounts.find("ann"))
    page.open(f"{live.url}/verify-email#{link}")
    page.wait_for("!document.querySelector('#verify').hidden")
    assert link not in page.evaluate("location.href")
    # Opening it is not enough: programs that look through mail do that.
    assert live.call("GET", "/me", token=token).json()["email_verified"] is False
    page.press_enter()
    page.wait_for("document.querySelector('#done').innerText !== ''")
    assert live.call("GET", "/me", token=token).json()["email_verified"] is True
    # The same link a second time.
    page.open("about:blank")
    page.open(f"{live.url}/verify-email#{link}")
    page.wait_for("!document.querySelector('#verify').hidden")
    page.press_enter()
    page.wait_for("!document.querySelector('#problem').hidden")
    assert "ask for a new one" in page.text("#problem")
