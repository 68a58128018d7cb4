"""Ann at the checkout page: what she types and presses, and what she waits for."""

import json
from typing import Any

from flask import Flask

from tests.browser.chromium import Page
from tests.clients import LiveShop
from tests.factories import PASSWORD, make_book

VISA, DECLINED, SECURE = "4242 4242 4242 4242", "4000 0000 0000 0002", "4000 0025 0000 3155"
ADDRESS = {
    "name": "Ann Reader",
    "line1": "1 High Street",
    "postal_code": "YO1 7HH",
    "city": "York",
}


class Checkout:
    """Ann at the checkout, with a book that costs 9.99 and delivery for 4.99."""

    def __init__(self, shop: Flask, live: LiveShop, page: Page) -> None:
        with shop.app_context():
            self.book = make_book("The Left Hand of Darkness", price=999, stock=5).id
        self.live, self.page = live, page
        self.token = live.register("ann")

    def open(self, query: str = "") -> None:
        """Go there."""
        self.page.open(f"{self.live.url}/checkout{query}")

    def click(self, selector: str) -> None:
        """Press what is there."""
        self.page.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def at(self, section: str) -> None:
        """Wait for a step."""
        self.page.wait_for(f"document.querySelector('#{section}')?.hidden === false")

    def says(self, text: str, where: str = "#problem") -> None:
        """Wait for words."""
        self.page.wait_for(
            f"document.querySelector('{where}')?.innerText.includes({json.dumps(text)})"
        )

    def add_the_book(self) -> None:
        """Find the book by its name, typing badly, and put it into the cart."""
        self.page.fill("#wanted", "left hand darknes")
        self.page.press_enter()
        self.page.wait_for("document.querySelectorAll('#found button').length === 1")
        self.click("#found button")
        self.page.wait_for("document.querySelectorAll('#lines li').length === 1")

    def log_in(self) -> None:
        """Log in as Ann."""
        self.page.fill("#username", "ann")
        self.page.fill("#password", PASSWORD)
        self.page.press_enter()

    def fill_address(self, country: str = "GB") -> None:
        """Type where it goes, and go on."""
        for name, text in ADDRESS.items():
            self.page.fill(f"#{name}", text)
        self.page.evaluate(f"document.querySelector('#country').value = '{country}'")
        self.click("#where button")

    def to_delivery(self) -> None:
        """Go from nothing to the last step before the order."""
        self.open()
        self.at("cart")
        self.add_the_book()
        self.click("#to-address")
        self.at("account")
        self.log_in()
        self.at("address")
        self.fill_address()
        self.at("delivery")

    def place(self) -> None:
        """Place the order, and wait until it can be paid."""
        self.click("#place")
        self.payable()

    def payable(self) -> None:
        """Wait until a card can be typed in."""
        self.page.wait_for(
            "document.querySelector('#number')?.innerText"
            " && !document.querySelector('#pay-now').disabled"
        )

    def pay(self, card: str) -> None:
        """Type a card's number and pay."""
        self.page.evaluate("document.querySelector('#card').value = ''")
        self.page.fill("#card", card)
        self.page.press_enter()

    def tracked(self, status: str = "We are packing your books.") -> None:
        """Wait until the tracker shows the order, and as far as that."""
        self.page.wait_for("location.pathname.startsWith('/track/')")
        self.page.wait_for(f"document.querySelector('#status')?.innerText === {json.dumps(status)}")

    def orders(self) -> list[dict[str, Any]]:
        """Return what was ordered."""
        return list(self.live.call("GET", "/orders", token=self.token).json()["data"])
