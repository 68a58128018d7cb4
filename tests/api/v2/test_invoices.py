"""Invoices: what stands on them adds up to the order, in every currency, and to what came in."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
import stripe
from flask import Flask

from bookstore.extensions import settings
from bookstore.gateways import stripe_twin
from bookstore.models import Refund
from bookstore.services import refunds
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import new_book
from tests.services.twins import rows

VISA = "4242 4242 4242 4242"


class Tables(HTMLParser):
    """The cells of each table of a page, by the table's id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.rows: list[list[str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.rows = self.found.setdefault(dict(attrs).get("id") or "", [])
        elif tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.rows = []

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] = " ".join(f"{self.rows[-1][-1]} {data}".split())


def change(shop: Flask, **changes: Any) -> None:
    shop.config["SETTINGS"] = replace(shop.config["SETTINGS"], **changes)


@pytest.fixture(autouse=True)
def as_before(shop: Flask) -> Any:
    before = shop.config["SETTINGS"]
    yield
    shop.config["SETTINGS"] = before


def invoice(client: Client, order: dict[str, Any]) -> str:
    answer = client.get(f"/orders/{order['id']}/invoice")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def place(client: Client, *lines: tuple[int, int], country: str = "GB") -> dict[str, Any]:
    for book, quantity in lines:
        ok(client.post("/cart/items", {"book_id": book, "quantity": quantity}), 201)
    address = {**ADDRESS, "country": country}
    return dict(ok(client.post("/orders", {"shipping_address": address}), 201))


def pay(shop: Flask, client: Client, order: dict[str, Any]) -> None:
    """Pay with a test card, and take the event that says so."""
    intent = ok(client.post(f"/orders/{order['id']}/payment-intent"))
    body = {"client_secret": intent["client_secret"], "card_number": VISA}
    assert ok(client.post("/payments/test/confirm", body))["status"] == "succeeded"
    with shop.app_context():
        known, secret = settings(), stripe_twin.webhook_secret(settings())
    query = "SELECT payload FROM events WHERE type = 'payment_intent.succeeded'"
    [payload] = [
        text for (text,) in rows(known, query)
        if json.loads(text)["data"]["object"]["id"] == intent["payment_intent"]
    ]  # fmt: skip
    signed = stripe.WebhookSignature.generate_signature_header(payload, secret)
    ok(client.post("/payments/stripe/events", payload, Stripe_Signature=signed))


def amount(text: str) -> Decimal:
    """Return the amount of a cell, without a sign."""
    [found] = re.findall(r"\d+(?:\.\d+)?", text)
    return Decimal(found)


def check_sums(page: str, order: dict[str, Any]) -> Tables:
    """Add up what the page shows, and compare it with the order."""
    tables = Tables(page)
    head, *lines = tables.found["lines"]
    items, sums = lines[: len(order["items"])], lines[len(order["items"]) :]
    by_name = dict(sums)
    total = by_name.pop(f"Total {order['currency'].upper()}")
    assert total == order["total_amount"]
    assert sum(amount(row[-1]) for row in items) == amount(by_name["Subtotal"])
    signed = [-amount(n) if n.startswith("−") else amount(n) for n in by_name.values()]
    assert sum(signed) == Decimal(total)
    if "Discount" in head:
        at = head.index("Discount")
        assert sum(amount(row[at]) for row in items) == Decimal(order["discount"])
    taxes = tables.found.get("taxes", [])[1:]
    in_order = Decimal(order["tax"]) + Decimal(order["tax_included"])
    assert sum(amount(row[2]) for row in taxes) == in_order
    assert len(taxes) == len(order["tax_lines"])
    return tables


def test_every_line_the_tax_and_the_sums(
    shop: Flask, people: tuple[Client, Client], database: str
) -> None:
    reader, clerk = people
    change(
        shop,
        tax_rates="DE/books=7, DE=19",
        seller_name="Page & Sons",
        seller_address="1 High Street | York",
        seller_tax_id="GB123",
        seller_email="ask@page.example",
    )
    first = new_book(shop, title="Emma", price=1999, isbn="9780141439587")
    second = new_book(shop, title="Kim", price=333)
    coupon = {"code": "TENTH", "kind": "percent", "value": "10"}
    ok(clerk.post("/coupons", coupon), 201)
    ok(reader.post("/cart/items", {"book_id": first}), 201)
    ok(reader.put("/cart/coupon", {"code": "TENTH"}))
    order = place(reader, (second, 3), country="DE")
    page = invoice(reader, order)
    lines = check_sums(page, order).found["lines"]
    assert lines[0] == ["Book", "Copies", "Price", "Discount", "Tax", "Sum"]
    emma = order["items"][0]
    assert lines[1] == ["Emma ISBN 9780141439587", "1", "19.99", emma["discount"], "7 %", "19.99"]
    assert ["Coupon TENTH", f"−{order['discount']}"] in lines
    for shown in ("Page &amp; Sons", "1 High Street<br>York<br>", "GB123", "ask@page.example"):
        assert shown in page
    for shown in (order["number"], "Ann Reader", "YO1 7HH York", "included in the prices"):
        assert shown in page
    # The same for staff, but that each answer has a nonce of its own.
    nonce = r'nonce="[^"]+"'
    assert re.sub(nonce, "", invoice(clerk, order)) == re.sub(nonce, "", page)


def test_tax_that_is_added(shop: Flask, reader: Client) -> None:
    change(shop, tax_rates="GB=7.25+")
    order = place(reader, (new_book(shop, price=1005), 3))
    assert Decimal(order["tax"]) > 0
    page = invoice(reader, order)
    assert ["Tax 7.25 %", order["tax"]] in check_sums(page, order).found["lines"]
    assert "added to the prices" in page
    # Who listens to it finds it, and each column by its name.
    assert (page.count("<main>"), "<th></th>" in page) == (1, False)


@pytest.mark.parametrize(("currency", "price"), [("jpy", 1200), ("kwd", 12340)])
def test_other_decimal_places(shop: Flask, reader: Client, currency: str, price: int) -> None:
    change(shop, currency=currency, tax_rates="GB=10")
    order = place(reader, (new_book(shop, price=price), 3))
    page = invoice(reader, order)
    check_sums(page, order)
    assert {"jpy": '<td class="amount">1200</td>', "kwd": "12.340"}[currency] in page
    assert f"All amounts are in {currency.upper()}." in page


def test_paid_then_refunded(shop: Flask, people: tuple[Client, Client]) -> None:
    reader, _ = people
    order = place(reader, (new_book(shop, price=2000), 1))
    assert f"due {order['total_amount']}" in invoice(reader, order)
    pay(shop, reader, order)
    paid = ok(reader.get(f"/orders/{order['id']}"))
    assert paid["payment_status"] == "paid"
    shown = Tables(invoice(reader, order)).found["payment"]
    assert shown == [[f"Paid on {paid['paid_at'][:10]}", order["total_amount"]]]
    with shop.app_context():
        half = refunds.request(SYSTEM, order["id"], 500, reason="a torn <cover>")
        whole = refunds.request(SYSTEM, order["id"])
        with unit_of_work() as session:
            session.get_one(Refund, half.id).status = "succeeded"
            # One that failed gave nothing back.
            session.get_one(Refund, whole.id).status = "failed"
    page = invoice(reader, order)
    _, refund, kept = Tables(page).found["payment"]
    assert refund[0].startswith("Refund of ")
    assert refund[0].endswith("a torn <cover>")
    assert refund[1] == "−5.00"
    assert kept == ["Paid after refunds", str(Decimal(order["total_amount"]) - 5)]
    assert "<cover>" not in page


def test_cancelled_is_not_due(shop: Flask, reader: Client) -> None:
    order = place(reader, (new_book(shop), 1))
    ok(reader.post(f"/orders/{order['id']}/cancel"))
    page = invoice(reader, order)
    assert "This order was cancelled." in page
    assert "due" not in page


def test_a_browser_opens_it_by_ticket(shop: Flask, people: tuple[Client, Client]) -> None:
    reader, _ = people
    order = place(reader, (new_book(shop), 1))
    nobody, path = Client(shop), f"/orders/{order['id']}/invoice"
    ticket = ok(reader.post("/ws/tickets"), 201)["ticket"]
    opened = nobody.get(f"{path}?ticket={ticket}")
    assert opened.status_code == 200
    assert "default-src 'none'" in opened.headers["Content-Security-Policy"]
    problem(nobody.get(f"{path}?ticket={ticket}"), 401, "unauthenticated")
