"""The checkout page in a real browser, against the shop as real processes and its test cards."""

import pytest
from flask import Flask

from bookstore.services import catalog_editing
from bookstore.services.actors import SYSTEM
from tests.browser.buying import ADDRESS, DECLINED, SECURE, VISA, Checkout
from tests.browser.chromium import Page
from tests.clients import LiveShop, wait_until
from tests.factories import check_books, make_book, make_clerk

one_database = pytest.mark.parametrize("database", ["sqlite"])


@pytest.fixture
def checkout(shop: Flask, live: LiveShop, page: Page) -> Checkout:
    return Checkout(shop, live, page)


def test_from_the_cart_to_the_tracker(shop: Flask, checkout: Checkout) -> None:
    checkout.to_delivery()
    page = checkout.page
    assert page.text("[aria-current=step]") == "Delivery"
    assert page.text("#quote .total") == "Total\n14.98 USD"
    # Another way to send it costs something else.
    checkout.click("[value=express]")
    checkout.says("Place the order: 24.98 USD", "#place")
    checkout.place()
    assert checkout.page.text("#pay-now") == "Pay 24.98 USD"
    checkout.pay(VISA)
    checkout.tracked()
    [order] = checkout.orders()
    assert (order["status"], order["payment_status"]) == ("processing", "paid")
    assert (order["shipping_method"], order["total_amount"]) == ("express", "24.98")
    assert order["shipping_address"]["city"] == "York"
    assert page.text(".number") == order["number"]
    assert page.evaluate("document.querySelector('#unpaid').hidden")
    assert check_books(shop) == {checkout.book: 4}
    checkout.click("#invoice")
    title = f"Invoice {order['number']}"
    wait_until(lambda: title in page.titles())


@one_database
def test_a_declined_card_then_another(checkout: Checkout) -> None:
    checkout.to_delivery()
    checkout.place()
    checkout.pay(DECLINED)
    checkout.says("The card was declined.")
    checkout.pay("4000 0000 0000 9995")
    checkout.says("too little money")
    checkout.pay("4242 4242 4242 4241")
    checkout.says("not a card number")
    # Reloaded in the middle, it is the same order.
    checkout.open()
    checkout.payable()
    checkout.pay(VISA)
    checkout.tracked()
    [order] = checkout.orders()
    assert order["payment_status"] == "paid"


@one_database
@pytest.mark.parametrize("outcome", ["complete", "fail"])
def test_3d_secure(checkout: Checkout, outcome: str) -> None:
    checkout.to_delivery()
    checkout.place()
    checkout.pay(SECURE)
    checkout.page.wait_for("location.pathname.startsWith('/payments/test/3ds/')")
    checkout.page.wait_for("!!document.querySelector('button[value=complete]')")
    checkout.click(f"button[value={outcome}]")
    if outcome == "fail":
        checkout.says("not confirmed")
        checkout.payable()
        assert "redirect_status" not in checkout.page.evaluate("location.href")
        checkout.pay(VISA)
    checkout.tracked()
    assert [order["payment_status"] for order in checkout.orders()] == ["paid"]


@one_database
def test_a_total_that_changed_is_asked_again(shop: Flask, checkout: Checkout) -> None:
    checkout.to_delivery()
    with shop.app_context():
        catalog_editing.update_book(SYSTEM, checkout.book, {"price": 1100})
    checkout.click("#place")
    checkout.says("has changed from 14.98 USD to 15.99 USD")
    assert checkout.orders() == []
    checkout.says("Place the order: 15.99 USD", "#place")
    checkout.place()
    assert [order["total_amount"] for order in checkout.orders()] == ["15.99"]


@one_database
def test_a_coupon(shop: Flask, checkout: Checkout) -> None:
    clerk = make_clerk(shop)
    for coupon in (
        {"code": "HALF", "kind": "percent", "value": "50"},
        {"code": "RICH", "kind": "fixed", "value": "5.00", "min_subtotal": "50.00"},
    ):
        assert checkout.live.call("POST", "/coupons", coupon, clerk).status_code == 201
    checkout.open()
    checkout.at("cart")
    checkout.add_the_book()
    checkout.page.fill("#code", "RICH")
    checkout.page.press_enter()
    checkout.page.wait_for("!!document.querySelector('#code-wrong')")
    assert "too small" in checkout.page.text("#code-wrong")
    checkout.page.evaluate("document.querySelector('#code').value = ''")
    checkout.page.fill("#code", " half ")
    checkout.page.press_enter()
    checkout.says("HALF: −5.00 USD", "#coupons")
    assert checkout.page.text("#cart-sums .total") == "Before delivery\n4.99 USD"
    # It comes along when the guest logs in.
    checkout.click("#to-address")
    checkout.at("account")
    checkout.log_in()
    checkout.at("address")
    checkout.fill_address()
    checkout.at("delivery")
    assert "Coupon HALF\n−5.00 USD" in checkout.page.text("#quote")
    checkout.place()
    [order] = checkout.orders()
    assert (order["discount"], order["total_amount"]) == ("5.00", "9.98")


@one_database
def test_pressed_twice_it_is_one_order_paid_once(shop: Flask, checkout: Checkout) -> None:
    checkout.to_delivery()
    checkout.page.evaluate(
        "for (const _ of [1, 2, 3]) document.querySelector('#order').requestSubmit()"
    )
    checkout.payable()
    checkout.page.evaluate(f"document.querySelector('#card').value = '{VISA}'")
    checkout.page.evaluate(
        "for (const _ of [1, 2, 3]) document.querySelector('#pay').requestSubmit()"
    )
    checkout.tracked()
    assert [order["payment_status"] for order in checkout.orders()] == ["paid"]
    assert check_books(shop) == {checkout.book: 4}


@one_database
def test_an_answer_that_got_lost_makes_no_second_order(shop: Flask, checkout: Checkout) -> None:
    checkout.to_delivery()
    checkout.page.evaluate(LOSE)
    checkout.click("#place")
    checkout.says("cannot be reached")
    assert len(checkout.orders()) == 1
    checkout.place()
    assert len(checkout.orders()) == 1
    # And in another tab, which knows of no order, the cart is empty and the order is offered.
    checkout.page.evaluate("sessionStorage.removeItem('checkout')")
    checkout.open()
    checkout.says("is not paid yet", "#unpaid")
    checkout.click("#unpaid button")
    checkout.payable()
    checkout.pay(VISA)
    checkout.tracked()
    assert check_books(shop) == {checkout.book: 4}


# The shop takes the order, and the browser never hears of it.
LOSE = """
  const whole = window.fetch;
  window.fetch = async (url, options) => {
    const answer = await whole(url, options);
    if (url.endsWith("/orders")) {
      window.fetch = whole;
      throw new TypeError("the network is gone");
    }
    return answer;
  };
"""


@one_database
def test_what_was_in_the_accounts_cart_is_shown_before_the_order(
    shop: Flask, checkout: Checkout
) -> None:
    with shop.app_context():
        other = make_book("Emma", price=500).id
    checkout.live.call("POST", "/cart/items", {"book_id": other}, checkout.token)
    checkout.open()
    checkout.at("cart")
    checkout.add_the_book()
    checkout.click("#to-address")
    checkout.at("account")
    checkout.log_in()
    checkout.says("What was in your cart before is here too.", "#done")
    assert checkout.page.evaluate("document.querySelectorAll('#lines li').length") == 2
    checkout.click("#to-address")
    checkout.at("address")
    checkout.fill_address()
    checkout.at("delivery")
    bought = checkout.page.text("#bought")
    assert "1 × Emma\n5.00" in bought
    assert "1 × The Left Hand of Darkness\n9.99" in bought


@one_database
def test_left_unpaid_the_tracker_leads_back(checkout: Checkout) -> None:
    checkout.to_delivery()
    checkout.place()
    [order] = checkout.orders()
    checkout.page.open(f"{checkout.live.url}/track/{order['number']}")
    checkout.page.wait_for("document.querySelector('#unpaid')?.hidden === false")
    checkout.click("#pay")
    checkout.payable()
    checkout.pay(VISA)
    checkout.tracked()


@one_database
def test_nothing_is_sent_there(shop: Flask, checkout: Checkout) -> None:
    clerk = make_clerk(shop)
    methods = checkout.live.call("GET", "/shipping-methods").json()["data"]
    for method in methods:
        path, only = f"/shipping-methods/{method['id']}", {"countries": ["GB"]}
        how = ("PATCH", path, only) if method["code"] == "express" else ("DELETE", path)
        assert checkout.live.call(*how, token=clerk, If_Match="*").ok
    checkout.open()
    checkout.at("cart")
    checkout.add_the_book()
    checkout.click("#to-address")
    checkout.at("account")
    checkout.log_in()
    checkout.at("address")
    checkout.fill_address("AQ")
    checkout.page.wait_for("!!document.querySelector('#country-wrong')")
    assert "Antarctica" in checkout.page.text("#country-wrong")
    # Standard delivery, which is asked for first, goes nowhere any more; another does.
    checkout.fill_address("GB")
    checkout.at("delivery")
    assert "Express" in checkout.page.text("#methods")


@one_database
def test_sold_out_meanwhile(shop: Flask, checkout: Checkout) -> None:
    checkout.to_delivery()
    with shop.app_context():
        catalog_editing.update_book(SYSTEM, checkout.book, {"stock": 0})
    checkout.click("#place")
    checkout.says("Nothing was ordered.")
    assert "Sold out" in checkout.page.text("#lines")
    checkout.click("#lines .quiet")
    checkout.page.wait_for("!document.querySelector('#empty').hidden")
    assert checkout.orders() == []


@one_database
def test_anothers_order_is_not_paid(checkout: Checkout) -> None:
    bob = checkout.live.register("bob")
    checkout.live.call("POST", "/cart/items", {"book_id": checkout.book}, bob)
    address = {**ADDRESS, "country": "GB"}
    order = checkout.live.call("POST", "/orders", {"shipping_address": address}, bob).json()
    checkout.open(f"?order={order['id']}")
    checkout.at("account")
    checkout.log_in()
    checkout.says("There is no such order of yours.")
