"""What a quote says of delivery, and that it is held: nothing is charged that nobody saw."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask

from bookstore import clock
from bookstore.services.shipping import after_working_days
from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import new_book

PATH = "/shipping-methods"
FRENCH = {**ADDRESS, "country": "FR"}


def make(clerk: Client, code: str = "pigeon", **more: Any) -> dict[str, Any]:
    """Make a method over HTTP."""
    body = {"code": code, "name": code.title(), "price": "1.00", **more}
    return dict(ok(clerk.post(PATH, body), 201))


def quote(client: Client, address: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """Price the client's cart."""
    sent = {} if address is None else {"shipping_address": address}
    return dict(ok(client.post("/cart/quote", {**sent, **more})))


def fill(shop: Flask, reader: Client, **book: Any) -> int:
    """Put a book into the cart."""
    which = new_book(shop, **book)
    ok(reader.post("/cart/items", {"book_id": which}), 201)
    return which


def test_the_quote_lists_what_goes_there(shop: Flask, reader: Client, clerk: Client) -> None:
    fill(shop, reader, price=2000, weight=2300)
    make(clerk, "standard", countries=["FR", "DE"], price="7.00", days={"min": 2, "max": 2})
    make(clerk, "metro", countries=["FR"], price="1.00")
    make(clerk, "off", is_active=False)
    home, abroad = quote(reader, ADDRESS), quote(reader, FRENCH)
    listed = {row["code"]: row["price"] for row in home["shipping_methods"]}
    # The third kilogram is begun: 2.99 + 2 × 1.50.
    assert listed == {"standard": "4.99", "express": "14.99", "economy": "5.99"}
    assert home["shipping"] == "4.99"
    listed = {row["code"]: row["price"] for row in abroad["shipping_methods"]}
    assert listed == {"standard": "7.00", "express": "14.99", "economy": "5.99", "metro": "1.00"}
    assert (abroad["shipping"], abroad["days"]) == ("7.00", {"min": 2, "max": 2})
    # Nobody knows where to: only what goes to every other country.
    assert quote(reader)["shipping_methods"] == home["shipping_methods"]
    for code, price in listed.items():
        priced = quote(reader, FRENCH, shipping_method=code)
        assert (priced["shipping_method"], priced["shipping"]) == (code, price)
        one = next(row for row in priced["shipping_methods"] if row["code"] == code)
        assert (one["days"], one["delivery"]) == (priced["days"], priced["delivery"])
        placed = {"shipping_address": FRENCH, "shipping_method": code}
        ok(reader.post("/orders", {**placed, "expected_total": priced["total"]}), 201)
        fill(shop, reader, price=2000, weight=2300)
    for body in ({"shipping_method": "metro"}, {"shipping_method": "off"}):
        for address in ({}, {"shipping_address": ADDRESS}):
            refused = problem(
                reader.post("/cart/quote", {**body, **address}), 422, "validation_failed"
            )
            assert list(refused["errors"]) == ["shipping_method"]
        order = {"shipping_address": ADDRESS, **body}
        refused = problem(reader.post("/orders", order), 422, "validation_failed")
        assert list(refused["errors"]) == ["shipping_method"]


def test_no_price_for_a_country_that_there_is_not(shop: Flask, reader: Client) -> None:
    # It would be taxed nowhere, and sent to like all that no method names.
    fill(shop, reader)
    for code, why in (("UK", "Did you mean GB?"), ("ZZ", "No country has the code ZZ")):
        body = {"shipping_address": {**ADDRESS, "country": code}}
        for path in ("/cart/quote", "/orders"):
            refused = problem(reader.post(path, body), 422, "validation_failed")
            assert why in refused["errors"]["shipping_address.country"][0]
    assert quote(reader, {**ADDRESS, "country": "XK"})["total"]


def test_when_it_would_arrive(shop: Flask, reader: Client) -> None:
    fill(shop, reader)
    priced = quote(reader, shipping_method="economy")
    assert priced["days"] == {"min": 7, "max": 14}
    today = clock.today()
    first, last = (date.fromisoformat(priced["delivery"][f"{end}_date"]) for end in ("min", "max"))
    assert first.weekday() < 5
    assert last.weekday() < 5
    # A night may have passed since.
    assert first in {after_working_days(today - timedelta(days=n), 7) for n in (0, 1)}
    # Seven working days, with one weekend or two.
    assert (last - first).days in {9, 11}


def test_a_coupon_makes_every_way_free(shop: Flask, reader: Client, clerk: Client) -> None:
    fill(shop, reader, price=2000)
    ok(clerk.post("/coupons", {"code": "POSTFREE", "kind": "free_shipping"}), 201)
    ok(reader.put("/cart/coupon", {"code": "POSTFREE"}))
    for code in ("standard", "express", "economy"):
        priced = quote(reader, shipping_method=code)
        assert {row["price"] for row in priced["shipping_methods"]} == {"0.00"}
        assert (priced["shipping"], priced["total"]) == ("0.00", "20.00")


def test_free_from_a_subtotal_on(shop: Flask, reader: Client, clerk: Client) -> None:
    book = fill(shop, reader, price=2500)
    make(clerk, "kind", free_over="25.00")
    for price, cost in (("25.00", "0.00"), ("24.99", "1.00"), ("25.01", "0.00")):
        ok(clerk.patch(f"/books/{book}", {"price": price}, If_Match="*"))
        priced = quote(reader, shipping_method="kind")
        assert priced["shipping"] == cost
        option = next(row for row in priced["shipping_methods"] if row["code"] == "kind")
        assert option["price"] == cost


@pytest.mark.parametrize("change", ["price", "code", "off", "gone", "zone"])
def test_a_change_after_the_quote_is_not_charged_silently(
    shop: Flask, reader: Client, clerk: Client, change: str
) -> None:
    book = fill(shop, reader, price=1000, stock=5)
    method = make(clerk, countries=["GB", "FR"])
    path = f"{PATH}/{method['id']}"
    order = {"shipping_address": ADDRESS, "shipping_method": "pigeon"}
    seen = quote(reader, **{**order, "address": None})["total"]
    assert seen == "11.00"
    kept = ok(reader.post("/orders", {**order, "expected_total": seen}), 201)
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    if change == "gone":
        assert clerk.delete(path).status_code == 204
    else:
        changes = {
            "price": {"price": "1.01"},
            "code": {"code": "dove"},
            "off": {"is_active": False},
            "zone": {"countries": ["FR"]},
        }
        ok(clerk.patch(path, changes[change], If_Match="*"))
    refused = reader.post("/orders", {**order, "expected_total": seen})
    if change == "price":
        body = problem(refused, 409, "total_changed")
        assert (body["expected_total"], body["total_amount"]) == ("11.00", "11.01")
    else:
        assert list(problem(refused, 422, "validation_failed")["errors"]) == ["shipping_method"]
    # Nothing was taken, and what was ordered before stays as it was.
    assert ok(reader.get("/cart"))["total_items"] == 1
    assert ok(clerk.get(f"/books/{book}"))["stock"] == 4
    assert ok(reader.get(f"/orders/{kept['id']}")) == kept
    assert len(ok(reader.get("/orders"))["data"]) == 1
