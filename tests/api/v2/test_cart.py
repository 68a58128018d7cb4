"""Carts over HTTP: a reader's and a guest's."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import ShoppingCart
from bookstore.services import catalog_editing
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, ok, problem, statements
from tests.factories import (
    PASSWORD,
    log_in,
    make_author,
    make_book,
    make_user,
    new_book,
    reader_and_clerk,
)

EMPTY = {
    "items": [],
    "coupon": None,
    "coupons": [],
    "discount": "0.00",
    "subtotal": "0.00",
    "total_items": 0,
    "currency": "usd",
}


def change_book(shop: Flask, book_id: int, **changes: Any) -> None:
    with shop.app_context():
        catalog_editing.update_book(SYSTEM, book_id, changes)


@pytest.fixture
def reader(shop: Flask) -> Client:
    return reader_and_clerk(shop)[0]


@pytest.fixture
def guest(client: Client, shop: Flask) -> Client:
    """A guest whose cart holds one copy of a book."""
    added = client.post("/cart/items", {"book_id": new_book(shop, price=500)})
    ok(added, 201)
    return Client(shop, {"X-Cart-Token": added.headers["X-Cart-Token"]})


def lines(cart: Any) -> list[tuple[int, int]]:
    return [(item["book"]["id"], item["quantity"]) for item in cart["items"]]


def test_a_cart_from_nothing_to_nothing(shop: Flask, reader: Client) -> None:
    first, second = new_book(shop, price=1999), new_book(shop, price=1)
    assert ok(reader.get("/cart")) == EMPTY
    cart = ok(reader.post("/cart/items", {"book_id": first}), 201)
    assert lines(cart) == [(first, 1)]
    ok(reader.post("/cart/items", {"book_id": second, "quantity": 3}), 201)
    cart = ok(reader.post("/cart/items", {"book_id": first, "quantity": 2}), 201)
    assert lines(cart) == [(first, 3), (second, 3)]
    assert cart == ok(reader.get("/cart"))
    assert [i["unit_price"] for i in cart["items"]] == ["19.99", "0.01"]
    assert [i["line_total"] for i in cart["items"]] == ["59.97", "0.03"]
    assert (cart["subtotal"], cart["total_items"], cart["currency"]) == ("60.00", 6, "usd")
    cart = ok(reader.patch(f"/cart/items/{second}", {"quantity": 999}))
    assert (cart["subtotal"], cart["total_items"]) == ("69.96", 1002)
    assert lines(ok(reader.delete(f"/cart/items/{first}"))) == [(second, 999)]
    assert ok(reader.delete("/cart")) == EMPTY
    assert ok(reader.get("/cart")) == EMPTY
    assert ok(reader.delete("/cart")) == EMPTY


def test_adding_takes_few_statements(shop: Flask, reader: Client, database: str) -> None:
    book = new_book(shop)
    with statements(shop) as found:
        ok(reader.post("/cart/items", {"book_id": book}), 201)
    assert len(found) <= 4, found
    with statements(shop) as found:
        ok(reader.get("/cart"))
    assert len(found) <= 2, found


def test_a_guests_token_opens_one_cart(shop: Flask, guest: Client, client: Client) -> None:
    token = guest.headers["X-Cart-Token"]
    assert re.fullmatch(r"[\w-]{40,}", token)
    again = guest.post("/cart/items", {"book_id": new_book(shop)})
    assert "X-Cart-Token" not in again.headers
    assert ok(guest.get("/cart"))["total_items"] == 2
    assert ok(client.get("/cart")) == EMPTY
    assert ok(Client(shop, {"X-Cart-Token": "guessed"}).get("/cart")) == EMPTY
    with shop.app_context():
        assert token not in db.session.scalars(select(ShoppingCart.token_hash)).one()
    assert guest.get("/cart").headers["Cache-Control"] == "private, no-store"


def test_an_unknown_token_gets_a_new_cart_and_a_new_token(shop: Flask, client: Client) -> None:
    book = new_book(shop)
    added = client.post("/cart/items", {"book_id": book}, X_Cart_Token="chosen-by-an-attacker")
    ok(added, 201)
    assert added.headers["X-Cart-Token"] != "chosen-by-an-attacker"


def test_guests_cannot_change_a_cart_they_do_not_have(shop: Flask, client: Client) -> None:
    book = new_book(shop)
    problem(client.patch(f"/cart/items/{book}", {"quantity": 1}), 404, "not_found")
    problem(client.delete(f"/cart/items/{book}"), 404, "not_found")
    assert ok(client.delete("/cart")) == EMPTY


def test_logging_in_merges_the_guests_cart(shop: Flask, client: Client) -> None:
    both, theirs, mine, many = (new_book(shop, price=100) for _ in range(4))
    with shop.app_context():
        ann = make_user("ann")
    reader = log_in(shop, ann)
    for book, quantity in ((both, 2), (mine, 1), (many, 600)):
        ok(reader.post("/cart/items", {"book_id": book, "quantity": quantity}), 201)
    token = client.post("/cart/items", {"book_id": both, "quantity": 3}).headers["X-Cart-Token"]
    guest = Client(shop, {"X-Cart-Token": token})
    for book, quantity in ((theirs, 4), (many, 600)):
        ok(guest.post("/cart/items", {"book_id": book, "quantity": quantity}), 201)
    ok(guest.post("/auth/token", {"username": "ann", "password": PASSWORD}))
    cart = ok(reader.get("/cart"))
    assert dict(lines(cart)) == {both: 5, mine: 1, many: 999, theirs: 4}
    # The token is dead: nothing to see, and a write opens another cart.
    assert ok(guest.get("/cart")) == EMPTY
    added = guest.post("/cart/items", {"book_id": mine})
    assert added.headers["X-Cart-Token"] != token
    ok(guest.post("/auth/token", {"username": "ann", "password": PASSWORD}))
    assert ok(reader.get("/cart")) == cart


def test_a_failed_login_leaves_the_guests_cart(shop: Flask, guest: Client) -> None:
    with shop.app_context():
        make_user("ann")
    refused = guest.post("/auth/token", {"username": "ann", "password": "wrong"})
    problem(refused, 401, "bad_credentials")
    assert ok(guest.get("/cart"))["total_items"] == 1


def test_a_changed_price_is_shown_beside_the_old(shop: Flask, reader: Client) -> None:
    book = new_book(shop, price=1000)
    cart = ok(reader.post("/cart/items", {"book_id": book, "quantity": 2}), 201)
    assert cart["items"][0]["price_changed_from"] is None
    change_book(shop, book, price=1250)
    [item] = ok(reader.get("/cart"))["items"]
    assert (item["unit_price"], item["price_changed_from"]) == ("12.50", "10.00")
    assert item["line_total"] == "25.00"
    # Whoever writes the line again has seen the new price.
    [item] = ok(reader.patch(f"/cart/items/{book}", {"quantity": 1}))["items"]
    assert item["price_changed_from"] is None


def test_what_cannot_be_bought_cannot_be_added(shop: Flask, reader: Client) -> None:
    gone = new_book(shop, stock=0)
    refused = problem(
        reader.post("/cart/items", {"book_id": gone, "quantity": 2}), 409, "out_of_stock"
    )
    assert refused["items"] == [{"book_id": gone, "requested": 2, "available": 0}]
    for status in ("coming_soon", "out_of_stock"):
        book = new_book(shop, status=status)
        problem(reader.post("/cart/items", {"book_id": book}), 409, "book_unavailable")
    problem(reader.post("/cart/items", {"book_id": 10**9}), 404, "not_found")
    assert ok(reader.get("/cart")) == EMPTY


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "book_id"),
        ({"book_id": None}, "book_id"),
        ({"book_id": "1"}, "book_id"),
        ({"book_id": True}, "book_id"),
        ({"book_id": 0}, "book_id"),
        ({"book_id": 2**63}, "book_id"),
        ({"book_id": 1, "quantity": 0}, "quantity"),
        ({"book_id": 1, "quantity": -1}, "quantity"),
        ({"book_id": 1, "quantity": 1000}, "quantity"),
        ({"book_id": 1, "quantity": 1.5}, "quantity"),
        ({"book_id": 1, "quantity": 1.0}, "quantity"),
        ({"book_id": 1, "quantity": "2"}, "quantity"),
        ({"book_id": 1, "quantity": None}, "quantity"),
        ({"book_id": 1, "quantity": 10**30}, "quantity"),
        ({"book_id": 1, "price": "0.01"}, "price"),
        ([{"book_id": 1}], "body"),
        ("text", "body"),
    ],
)
def test_bad_input_names_the_field(client: Client, body: Any, field: str) -> None:
    raw = f'"{body}"' if isinstance(body, str) else body
    answer = client.post("/cart/items", raw, Content_Type="application/json")
    assert answer.status_code in ({400, 422} if isinstance(body, str) else {422}), answer.data
    if answer.status_code == 422:
        assert list(problem(answer, 422, "validation_failed")["errors"]) == [field]


def test_a_line_holds_999_copies(shop: Flask, reader: Client) -> None:
    book = new_book(shop)
    ok(reader.post("/cart/items", {"book_id": book, "quantity": 998}), 201)
    problem(reader.post("/cart/items", {"book_id": book, "quantity": 2}), 409, "quantity_limit")
    assert ok(reader.post("/cart/items", {"book_id": book}), 201)["total_items"] == 999
    for quantity in (0, 1000):
        refused = reader.patch(f"/cart/items/{book}", {"quantity": quantity})
        assert list(problem(refused, 422, "validation_failed")["errors"]) == ["quantity"]


def test_a_cart_holds_200_books(shop: Flask, reader: Client) -> None:
    with shop.app_context(), unit_of_work():
        author = make_author().id
        books = [make_book(author_id=author).id for _ in range(201)]
    for book in books[:200]:
        ok(reader.post("/cart/items", {"book_id": book}), 201)
    problem(reader.post("/cart/items", {"book_id": books[200]}), 409, "cart_limit")
    assert ok(reader.post("/cart/items", {"book_id": books[0]}), 201)["total_items"] == 201


def test_a_deleted_book_leaves_the_carts(shop: Flask, reader: Client, guest: Client) -> None:
    book = new_book(shop)
    for cart in (reader, guest):
        ok(cart.post("/cart/items", {"book_id": book}), 201)
    with shop.app_context():
        catalog_editing.delete_book(SYSTEM, book)
    assert ok(reader.get("/cart")) == EMPTY
    assert ok(guest.get("/cart"))["total_items"] == 1
    problem(reader.patch(f"/cart/items/{book}", {"quantity": 2}), 404, "not_found")


def test_a_quote_is_what_an_order_costs(shop: Flask, reader: Client) -> None:
    problem(reader.post("/cart/quote", {}), 409, "cart_empty")
    first, second = new_book(shop, price=1999), new_book(shop, price=550)
    ok(reader.post("/cart/items", {"book_id": first, "quantity": 3}), 201)
    ok(reader.post("/cart/items", {"book_id": second}), 201)
    quote = ok(reader.post("/cart/quote", {"shipping_address": ADDRESS}))
    untaxed = {"discount": "0.00", "tax": "0.00"}
    # In Great Britain books are free of tax, their delivery is not.
    delivery = {"percent": "20", "inclusive": True, "base": "4.16", "tax": "0.83"}
    books = {"percent": "0", "inclusive": True, "base": "65.47", "tax": "0.00"}
    assert quote == {
        "lines": [
            {"book_id": first, "quantity": 3, "unit_price": "19.99", "line_total": "59.97"}
            | untaxed,
            {"book_id": second, "quantity": 1, "unit_price": "5.50", "line_total": "5.50"}
            | untaxed,
        ],
        "subtotal": "65.47",
        "discount": "0.00",
        "shipping": "4.99",
        "tax": "0.00",
        "tax_included": "0.83",
        "tax_lines": [delivery, books],
        "discounts": [],
        "total": "70.46",
        "currency": "usd",
        "shipping_method": "standard",
        "days": {"min": 3, "max": 5},
        # See test_quotes.py for these.
        "delivery": quote["delivery"],
        "shipping_methods": quote["shipping_methods"],
    }
    refused = problem(
        reader.post("/cart/quote", {"shipping_method": "pigeon"}), 422, "validation_failed"
    )
    assert list(refused["errors"]) == ["shipping_method"]
    order = ok(reader.post("/orders", {"shipping_address": ADDRESS}), 201)
    assert order["total_amount"] == quote["total"]


def test_nobody_sees_anothers_cart(shop: Flask, reader: Client, guest: Client) -> None:
    other, clerk = reader_and_clerk(shop)
    book = new_book(shop)
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    for stranger in (other, clerk):
        assert ok(stranger.get("/cart")) == EMPTY
        problem(stranger.patch(f"/cart/items/{book}", {"quantity": 5}), 404, "not_found")
        problem(stranger.delete(f"/cart/items/{book}"), 404, "not_found")
        assert ok(stranger.delete("/cart")) == EMPTY
    # Logged in, the token of a guest's cart shows nothing either.
    token = guest.headers["X-Cart-Token"]
    assert ok(other.get("/cart", X_Cart_Token=token)) == EMPTY
    assert lines(ok(reader.get("/cart"))) == [(book, 1)]
    assert ok(guest.get("/cart"))["total_items"] == 1
