"""Orders over HTTP: placing, reading, cancelling."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from bookstore.extensions import db
from bookstore.models import Order, OrderEvent, OrderItem, StockMovement
from bookstore.services import catalog_editing
from bookstore.services.actors import SYSTEM
from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import (
    PASSWORD,
    check_books,
    log_in,
    make_user,
    new_book,
    reader_and_clerk,
)

ORDER: dict[str, Any] = {"shipping_address": ADDRESS}


def buy(client: Client, *lines: tuple[int, int], **more: Any) -> Any:
    for book, quantity in lines:
        ok(client.post("/cart/items", {"book_id": book, "quantity": quantity}), 201)
    return ok(client.post("/orders", {**ORDER, **more}), 201)


def rows(shop: Flask) -> list[int]:
    """Count what an order writes."""
    with shop.app_context():
        models = (Order, OrderItem, OrderEvent, StockMovement)
        return [db.session.scalar(select(func.count()).select_from(m)) or 0 for m in models]


def test_placing_an_order(shop: Flask, reader: Client) -> None:
    first = new_book(shop, title="Emma", price=1999, stock=10, isbn="9780141439587")
    second = new_book(shop, title="Kim", price=1, stock=3)
    order = buy(reader, (second, 3), (first, 2), expected_total="45.00")
    assert order["items"] == [
        {
            "book_id": first,
            "title": "Emma",
            "isbn": "9780141439587",
            "quantity": 2,
            "price": "19.99",
            "line_total": "39.98",
            "discount": "0.00",
            "tax": "0.00",
            "tax_percent": "0",
        },
        {
            "book_id": second,
            "title": "Kim",
            "isbn": None,
            "quantity": 3,
            "price": "0.01",
            "line_total": "0.03",
            "discount": "0.00",
            "tax": "0.00",
            "tax_percent": "0",
        },
    ]
    amounts = ("subtotal", "discount", "shipping", "tax", "total_amount", "currency")
    assert [order[a] for a in amounts] == ["40.01", "0.00", "4.99", "0.00", "45.00", "usd"]
    assert (order["status"], order["payment_status"], order["version"]) == ("pending", "unpaid", 1)
    assert order["shipping_address"] == {**ADDRESS, "line2": "", "region": ""}
    assert ok(reader.get(f"/orders/{order['id']}")) == order
    assert ok(reader.get("/cart"))["items"] == []
    assert check_books(shop) == {first: 8, second: 0}


def test_where_the_order_is(shop: Flask, reader: Client) -> None:
    book = new_book(shop)
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    placed = reader.post("/orders", ORDER)
    assert placed.headers["Location"] == f"/api/v2/orders/{placed.get_json()['id']}"
    again = reader.get(placed.headers["Location"])
    assert again.headers["ETag"]
    cached = reader.get(placed.headers["Location"], If_None_Match=again.headers["ETag"])
    assert cached.status_code == 304


def test_nothing_to_order(shop: Flask, client: Client, reader: Client) -> None:
    problem(reader.post("/orders", ORDER), 409, "cart_empty")
    buy(reader, (new_book(shop), 1))
    problem(reader.post("/orders", ORDER), 409, "cart_empty")
    problem(client.post("/orders", ORDER), 401, "unauthenticated")


def test_out_of_stock_takes_nothing(shop: Flask, reader: Client) -> None:
    plenty, few, soon = new_book(shop, stock=9), new_book(shop, stock=2), new_book(shop, stock=7)
    for book, quantity in ((plenty, 1), (few, 3), (soon, 1)):
        ok(reader.post("/cart/items", {"book_id": book, "quantity": quantity}), 201)
    with shop.app_context():
        catalog_editing.update_book(SYSTEM, soon, {"status": "coming_soon"})
    before = rows(shop)
    refused = problem(reader.post("/orders", ORDER), 409, "out_of_stock")
    assert refused["items"] == [
        {"book_id": few, "requested": 3, "available": 2},
        {"book_id": soon, "requested": 1, "available": 0},
    ]
    assert rows(shop) == before
    assert check_books(shop) == {plenty: 9, few: 2, soon: 7}
    assert ok(reader.get("/cart"))["total_items"] == 5


def test_another_total_is_refused_with_both(shop: Flask, reader: Client) -> None:
    book = new_book(shop, price=1000, stock=5)
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    seen = ok(reader.post("/cart/quote", {}))["total"]
    with shop.app_context():
        catalog_editing.update_book(SYSTEM, book, {"price": 1100})
    before = rows(shop)
    refused = problem(
        reader.post("/orders", {**ORDER, "expected_total": seen}), 409, "total_changed"
    )
    assert (refused["expected_total"], refused["total_amount"]) == ("14.99", "15.99")
    assert rows(shop) == before
    assert check_books(shop) == {book: 5}
    assert buy(reader, expected_total="15.99")["total_amount"] == "15.99"


def test_prices_are_locked(shop: Flask, reader: Client, clerk: Client) -> None:
    book = new_book(shop, title="Emma", price=1000)
    order = buy(reader, (book, 2))
    with shop.app_context():
        catalog_editing.update_book(SYSTEM, book, {"price": 9900, "title": "Emma II"})
    assert ok(reader.get(f"/orders/{order['id']}")) == order
    problem(clerk.delete(f"/books/{book}", If_Match="*"), 409, "book_in_orders")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"shipping_address": None}, "shipping_address"),
        ({"shipping_address": "1 High Street"}, "shipping_address"),
        ({"shipping_address": {**ADDRESS, "name": "  "}}, "shipping_address.name"),
        ({"shipping_address": {**ADDRESS, "country": "gb"}}, "shipping_address.country"),
        ({"shipping_address": {**ADDRESS, "country": "GBR"}}, "shipping_address.country"),
        ({"shipping_address": {**ADDRESS, "country": "ZZ"}}, "shipping_address.country"),
        ({"shipping_address": {**ADDRESS, "planet": "Mars"}}, "shipping_address.planet"),
        ({"shipping_method": "pigeon"}, "shipping_method"),
        ({"expected_total": 44.99}, "expected_total"),
        ({"expected_total": "-1.00"}, "expected_total"),
        ({"expected_total": "1.001"}, "expected_total"),
        ({"total_amount": "0.01"}, "total_amount"),
    ],
)
def test_bad_input_names_the_field(
    shop: Flask, reader: Client, change: dict[str, Any], field: str
) -> None:
    ok(reader.post("/cart/items", {"book_id": new_book(shop)}), 201)
    refused = problem(reader.post("/orders", {**ORDER, **change}), 422, "validation_failed")
    assert field in refused["errors"]
    assert ok(reader.get("/cart"))["total_items"] == 1


def test_cancelling_gives_the_stock_back_once(shop: Flask, reader: Client) -> None:
    book, other = new_book(shop, stock=5), new_book(shop, stock=1)
    order = buy(reader, (book, 4), (other, 1))
    cancelled = ok(reader.post(f"/orders/{order['id']}/cancel", {"note": "changed my mind"}))
    assert (cancelled["status"], cancelled["version"]) == ("cancelled", 2)
    assert check_books(shop) == {book: 5, other: 1}
    refused = problem(reader.post(f"/orders/{order['id']}/cancel"), 409, "invalid_transition")
    assert (refused["status_now"], refused["allowed"]) == ("cancelled", [])
    assert check_books(shop) == {book: 5, other: 1}
    last = ok(reader.get(f"/orders/{order['id']}/events"))["data"][-1]
    assert last["note"] == "changed my mind"
    assert last["actor"].startswith("user:")


def test_who_may_cancel(shop: Flask, reader: Client, clerk: Client) -> None:
    stranger, _ = reader_and_clerk(shop)
    book = new_book(shop)
    first, second, third = (buy(reader, (book, 1))["id"] for _ in range(3))
    problem(stranger.post(f"/orders/{first}/cancel"), 404, "not_found")
    ok(clerk.post(f"/orders/{first}/cancel"))
    ok(clerk.post(f"/orders/{second}/status", {"status": "processing"}))
    ok(reader.post(f"/orders/{second}/cancel"))
    for status in ("processing", "shipped"):
        ok(clerk.post(f"/orders/{third}/status", {"status": status}))
    for client in (reader, clerk):
        problem(client.post(f"/orders/{third}/cancel"), 409, "invalid_transition")


def test_anothers_order_is_not_there(shop: Flask, client: Client, reader: Client) -> None:
    stranger, _ = reader_and_clerk(shop)
    order = buy(reader, (new_book(shop), 1))["id"]
    for path in ("", "/events", "/invoice"):
        problem(stranger.get(f"/orders/{order}{path}"), 404, "not_found")
        problem(client.get(f"/orders/{order}{path}"), 401, "unauthenticated")
        problem(reader.get(f"/orders/{10**9}{path}"), 404, "not_found")
    problem(stranger.post(f"/orders/{order}/cancel"), 404, "not_found")
    problem(stranger.post(f"/orders/{order}/status", {"status": "processing"}), 403, "forbidden")
    assert ok(stranger.get("/orders"))["data"] == []


def test_orders_outlive_the_account(shop: Flask, clerk: Client) -> None:
    with shop.app_context():
        ann = make_user("ann")
    reader = log_in(shop, ann)
    order = buy(reader, (new_book(shop), 1))
    assert reader.delete("/me").status_code == 204
    problem(reader.get(f"/orders/{order['id']}"), 401, "token_revoked")
    assert ok(clerk.get(f"/orders/{order['id']}")) == order
    refused = reader.post("/auth/token", {"username": "ann", "password": PASSWORD})
    problem(refused, 401, "bad_credentials")
    assert set(check_books(shop).values()) == {9}
