"""A forgotten password in a real browser, against the shop as real processes."""

from flask import Flask

from bookstore.services import accounts, email_verification, password_reset
from tests.browser.chromium import Page
from tests.clients import LiveShop, wait_until
from tests.factories import PASSWORD
from tests.services.draining import mails_waiting


def log_in(live: LiveShop, password: str) -> int:
    body = {"username": "ann", "password": password}
    return live.call("POST", "/auth/token", body).status_code


def test_from_the_link_to_the_new_password(shop: Flask, live: LiveShop, page: Page) -> None:
    live.register("ann")
    page.open(f"{live.url}/reset-password")
    page.wait_for("!document.querySelector('#ask').hidden")
    page.fill("#email", "ann@example.com")
    page.press_enter()
    page.wait_for("document.querySelector('#done').innerText !== ''")
    both = [email_verification.TEMPLATE, password_reset.TEMPLATE]
    wait_until(lambda: mails_waiting(shop) == both)
    with shop.app_context():
        token = password_reset.make_token(accounts.find("ann"))
    page.open("about:blank")
    page.open(f"{live.url}/reset-password#{token}")
    page.wait_for("!document.querySelector('#choose').hidden")
    assert token not in page.evaluate("location.href")
    page.fill("#password", "12345678")
    page.press_enter()
    page.wait_for("!document.querySelector('#problem').hidden")
    assert "known from many leaks" in page.text("#problem")
    page.evaluate("document.querySelector('#choose').reset()")
    page.fill("#password", "a password of ann's")
    page.press_enter()
    page.wait_for("document.querySelector('#done').innerText !== ''")
    assert (log_in(live, PASSWORD), log_in(live, "a password of ann's")) == (401, 200)
    # The same link a second time leads back to asking for one.
    page.open("about:blank")
    page.open(f"{live.url}/reset-password#{token}")
    page.fill("#password", "a third password")
    page.press_enter()
    page.wait_for("!document.querySelector('#ask').hidden")
    assert "ask for a new one" in page.text("#problem")
