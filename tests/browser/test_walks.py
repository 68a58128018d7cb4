"""The whole way of a customer, and of staff, through the pages of a real shop.

With the mouse and keys before a wide screen, by touch on a phone; at each stop axe looks for what
keeps people out.
"""

import json

import pytest
from flask import Flask

from tests.browser.buying import ADDRESS
from tests.browser.chromium import Browser
from tests.browser.staff import Staff
from tests.browser.walking import Walker, walker
from tests.clients import LiveShop
from tests.factories import PASSWORD, make_book, make_user
from tests.fakes.receiver import Receiver
from tests.services import hooks

TRACKING = "TRACK-0042"
# A word that no line of a phone holds.
LONG = "Br" + 60 * "r"
# What a tab shows an invoice by: it cannot send a header.
TICKET = """fetch("/api/v2/ws/tickets", {
  method: "POST",
  headers: { Authorization: `Bearer ${JSON.parse(sessionStorage.tokens).access}` },
}).then((answer) => answer.json()).then(({ ticket }) => ticket)"""


class Customer(Walker):
    """Ann, who is new here."""

    def register(self) -> None:
        """Make an account, at the second attempt, and be back where she was."""
        page = self.page
        page.press("#enter a")
        page.sees("Log in", "h1")
        self.stop("login")
        page.press("#other")
        page.sees("Make an account", "h1")
        for field, text in (
            ("username", "ann"),
            ("email", "ann@example.com"),
            ("password", "12345678"),
        ):
            page.fill(f"#{field}", text)
        page.press("#register button")
        page.sees("known from many leaks", "#password-wrong")
        self.stop("register, refused")
        page.evaluate("document.querySelector('#password').value = ''")
        page.fill("#password", PASSWORD)
        page.press_enter()
        page.wait_for("location.pathname !== '/register'")
        page.sees("My orders", "nav")

    def find(self) -> None:
        """Look for the book, and read about it."""
        page = self.page
        page.press("#q")
        page.fill("#q", "left hand")
        page.wait_for("!document.querySelector('#suggestions').hidden")
        self.stop("suggestions")
        page.press_enter()
        page.sees("Books for “left hand”", "h1")
        page.choose("#sort", "Price")
        page.press(".sort button")
        page.wait_for("new URLSearchParams(location.search).get('sort') === 'price'")
        page.sees("The Left Hand of Darkness", "#books")
        self.stop("found")
        page.press("#books h3 a")
        page.sees("The Left Hand of Darkness", "h1")
        self.stop("book")

    def take(self) -> None:
        """Put it into the cart."""
        self.page.press("[data-add]")
        self.page.sees("is in your cart", "#done")
        self.stop("book, in the cart")

    def review(self) -> None:
        """Say what she thinks of it, once, by keys alone."""
        page = self.page
        self.go("/books/1")
        page.choose("#rating", "5")
        page.fill("#title", LONG)
        page.fill("#comment", "It is winter.")
        self.stop("book, a review")
        page.key("Tab", 9)
        page.press_enter()
        page.sees(f"5 of 5: {LONG}", "#reviews")
        page.sees("5 of 5 (1 review)", "#rated")
        assert page.evaluate("document.activeElement.id") == "said"
        self.stop("book, reviewed")
        page.evaluate("location.reload()")
        page.wait_for("document.querySelector('#done')?.textContent === ''")
        page.sees(f"5 of 5: {LONG}", "#reviews")
        page.choose("#rating", "1")
        page.press("#review button")
        page.sees("reviewed", "#review-problem")
        page.wait_for("document.activeElement.matches('#review button')")

    def order(self) -> str:
        """Order and pay what is in the cart; return the order's number."""
        page = self.page
        page.press("nav a[href='/checkout']")
        page.sees("The Left Hand of Darkness", "#lines")
        self.stop("cart")
        page.press("#to-address")
        page.press("#name")
        for name, text in ADDRESS.items():
            page.fill(f"#{name}", text)
        page.choose("#country", "United K")
        self.stop("address")
        page.press("#where button")
        page.press("[value=express]")
        page.sees("24.98 USD", "#place")
        self.stop("delivery")
        page.press("#place")
        page.press("[data-card^='4242']")
        self.stop("payment")
        page.press("#pay-now")
        page.sees("We are packing your books.", "#status")
        self.stop("tracker")
        return page.text(".number")

    def follow(self, number: str) -> None:
        """See the parcel on its way, and find the order again."""
        page = self.page
        page.sees("Your books are on their way.", "#status")
        page.sees(TRACKING, "#tracking")
        self.stop("tracker, shipped")
        page.press("#mine a")
        page.sees("On its way", "#orders")
        self.stop("my orders")
        ticket = page.evaluate(TICKET)
        here = page.evaluate("location.href")
        page.open(f"{self.url}/api/v2/orders/1/invoice?ticket={ticket}")
        page.sees(number, "body")
        self.stop("invoice")
        page.open(here)
        page.press("#orders a")
        page.sees(number, "h1")
        # What comes late moves the button down.
        page.sees("Your books are on their way.", "#history")
        page.sees("Live.", "#connection")
        page.press("#logout")
        page.sees("Log in to follow it")
        self.stop("tracker, logged out")

    def look_around(self) -> None:
        """See the pages that are beside the way."""
        for path, words in (
            ("/books/999", "There is no book 999."),
            ("/reset-password", "Send the link"),
            ("/reset-password#x", "New password"),
            ("/verify-email#x", "Is the address yours"),
        ):
            self.go("/login")
            self.go(path)
            self.page.sees(words)
            self.stop(path)


def send(shop: Flask) -> None:
    """Do what a worker does: send what is due."""
    with shop.app_context():
        hooks.send()


@pytest.mark.parametrize(
    ("screen", "database"), [("desktop", "postgresql"), ("phone", "sqlite")], indirect=["database"]
)
def test_from_the_first_page_to_the_parcel(
    shop: Flask, live: LiveShop, browser: Browser, screen: str
) -> None:
    with shop.app_context():
        make_book("The Left Hand of Darkness", price=999, description="<p>A planet of winter.</p>")
        make_book("Emma", stock=0)
        make_user("cleo", is_staff=True)
    with (
        Receiver() as receiver,
        walker(Customer, browser, live.url, screen) as ann,
        walker(Staff, browser, live.url, screen) as cleo,
    ):
        ann.go("/")
        ann.page.sees("Emma", "#books")
        ann.stop("first page")
        if screen == "desktop":
            ann.register()
            ann.find()
            ann.take()
        else:
            # As a guest, whose cart becomes the account's.
            ann.find()
            ann.take()
            ann.register()
        ann.page.sees("Cart (1)", "nav")
        ann.review()
        number = ann.order()
        assert "Cart (1)" not in ann.page.text("nav")
        cleo.log_in()
        cleo.listen(f"{receiver.url}/parcels")
        cleo.ship(number, TRACKING)
        ann.follow(number)
        send(shop)
        cleo.see_the_delivery()
        [told] = receiver.of("/parcels")
        assert cleo.page.evaluate("document.querySelector('details pre').textContent") == (
            told.body.decode()
        )
        cleo.redeliver()
        send(shop)
        cleo.see_attempts(2)
        first, again = receiver.of("/parcels")
        assert (first.body, first.headers["webhook-id"]) == (
            *(again.body, again.headers["webhook-id"]),
        )
        assert json.loads(again.body)["data"]["number"] == number
        ann.look_around()
        cleo.look_around()
