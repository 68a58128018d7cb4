"""A forgotten password in a real browser, against the shop as real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from bookstore.services import accounts, password_reset
from tests.browser.chromium import Page, find_chromium
from tests.clients import LiveShop, wait_until
from tests.conftest import Apps
from tests.factories import PASSWORD
from tests.services.draining import mails_waiting

pytestmark = pytest.mark.skipif(
    find_chromium() is None, reason="no Chromium on PATH (Debian: apt install chromium)"
)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with Page(tmp_path / "profile") as opened:
        yield opened
        assert opened.errors == []


@pytest.fixture
def live(apps: Apps, shop: Flask, database: str) -> Iterator[LiveShop]:
    with LiveShop(apps.settings(database, web_workers=1, web_threads=4)) as running:
        yield running


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
    wait_until(lambda: mails_waiting(shop) == [password_reset.TEMPLATE])
    with shop.app_context():
        token = password_reset.make_token(accounts.find("ann"))
    page.open("about:blank")
    page.open(f"{live.url}/reset-password#{token}")
    page.wait_for("!document.querySelector('#choose').hidden")
    assert token not in page.evaluate("location.href")
    page.fill("#password", "12345678")
    page.press_enter()
    page.wait_for("!document.querySelector('#problem').hidden")
    assert "digits" in page.text("#problem")
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
