"""Wishlists over HTTP."""

import pytest
from flask import Flask

from bookstore.services import catalog_editing
from bookstore.services.actors import SYSTEM
from tests.clients import Client, ok, problem, statements
from tests.factories import make_book, reader_and_clerk


@pytest.fixture
def reader(shop: Flask) -> Client:
    return reader_and_clerk(shop)[0]


def new_book(shop: Flask, **fields: object) -> int:
    with shop.app_context():
        return make_book(**fields).id


def wanted(client: Client) -> list[tuple[int, str]]:
    return [(i["book"]["id"], i["notes"]) for i in ok(client.get("/wishlist"))["items"]]


def test_a_wishlist_from_nothing_to_nothing(shop: Flask, reader: Client) -> None:
    first, second = new_book(shop), new_book(shop, stock=0, status="coming_soon")
    assert ok(reader.get("/wishlist")) == {"items": []}
    ok(reader.post("/wishlist/items", {"book_id": first}), 201)
    added = ok(reader.post("/wishlist/items", {"book_id": second, "notes": "for Mum"}), 201)
    assert added == ok(reader.get("/wishlist"))
    assert added["items"][0]["added_at"].endswith("Z")
    assert wanted(reader) == [(first, ""), (second, "for Mum")]
    ok(reader.patch(f"/wishlist/items/{first}", {"notes": "hardback"}))
    assert wanted(reader) == [(first, "hardback"), (second, "for Mum")]
    ok(reader.delete(f"/wishlist/items/{first}"))
    assert wanted(reader) == [(second, "for Mum")]
    with statements(shop) as found:
        reader.get("/wishlist")
    assert len(found) == 2


def test_a_book_is_there_once(shop: Flask, reader: Client) -> None:
    book = new_book(shop)
    ok(reader.post("/wishlist/items", {"book_id": book, "notes": "first"}), 201)
    again = reader.post("/wishlist/items", {"book_id": book, "notes": "second"})
    problem(again, 409, "already_in_wishlist")
    assert wanted(reader) == [(book, "first")]


def test_what_is_not_there_is_not_found(shop: Flask, reader: Client) -> None:
    book = new_book(shop)
    problem(reader.post("/wishlist/items", {"book_id": 10**9}), 404, "not_found")
    problem(reader.patch(f"/wishlist/items/{book}", {"notes": ""}), 404, "not_found")
    problem(reader.delete(f"/wishlist/items/{book}"), 404, "not_found")
    problem(reader.post(f"/wishlist/items/{book}/move-to-cart"), 404, "not_found")
    assert ok(reader.get("/cart"))["items"] == []


def test_bad_input_names_the_field(shop: Flask, reader: Client) -> None:
    book = new_book(shop)
    for body, field in (
        ({}, "book_id"),
        ({"book_id": book, "notes": 3}, "notes"),
        ({"book_id": book, "notes": "x" * 2001}, "notes"),
        ({"book_id": book, "notes": "\0"}, "notes"),
        ({"book_id": book, "price": 1}, "price"),
    ):
        refused = problem(reader.post("/wishlist/items", body), 422, "validation_failed")
        assert list(refused["errors"]) == [field]


def test_moving_to_the_cart(shop: Flask, reader: Client) -> None:
    book = new_book(shop)
    ok(reader.post("/wishlist/items", {"book_id": book}), 201)
    cart = ok(reader.post(f"/wishlist/items/{book}/move-to-cart"))
    assert [(i["book"]["id"], i["quantity"]) for i in cart["items"]] == [(book, 1)]
    assert cart == ok(reader.get("/cart"))
    assert wanted(reader) == []
    ok(reader.post("/wishlist/items", {"book_id": book}), 201)
    assert ok(reader.post(f"/wishlist/items/{book}/move-to-cart"))["total_items"] == 2


def test_what_cannot_be_bought_stays(shop: Flask, reader: Client) -> None:
    soon, gone, full = new_book(shop, status="coming_soon"), new_book(shop, stock=0), new_book(shop)
    ok(reader.post("/cart/items", {"book_id": full, "quantity": 999}), 201)
    for book, code in (
        (soon, "book_unavailable"),
        (gone, "out_of_stock"),
        (full, "quantity_limit"),
    ):
        ok(reader.post("/wishlist/items", {"book_id": book}), 201)
        problem(reader.post(f"/wishlist/items/{book}/move-to-cart"), 409, code)
    assert wanted(reader) == [(soon, ""), (gone, ""), (full, "")]
    assert ok(reader.get("/cart"))["total_items"] == 999


def test_wishlists_are_private(shop: Flask, client: Client, reader: Client) -> None:
    other, clerk = reader_and_clerk(shop)
    book = new_book(shop)
    ok(reader.post("/wishlist/items", {"book_id": book}), 201)
    problem(client.get("/wishlist"), 401, "unauthenticated")
    problem(client.post("/wishlist/items", {"book_id": book}), 401, "unauthenticated")
    for stranger in (other, clerk):
        assert wanted(stranger) == []
        problem(stranger.delete(f"/wishlist/items/{book}"), 404, "not_found")
        problem(stranger.patch(f"/wishlist/items/{book}", {"notes": ""}), 404, "not_found")
    assert wanted(reader) == [(book, "")]


def test_a_deleted_book_leaves_the_wishlists(shop: Flask, reader: Client) -> None:
    book = new_book(shop)
    ok(reader.post("/wishlist/items", {"book_id": book}), 201)
    with shop.app_context():
        catalog_editing.delete_book(SYSTEM, book)
    assert wanted(reader) == []
