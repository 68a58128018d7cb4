"""Coupons for certain books, and what becomes of them when those, or they, are deleted."""

import pytest
from flask import Flask

from bookstore.extensions import db
from bookstore.models import Coupon
from bookstore.services import catalog_editing, catalog_records, coupon_editing
from bookstore.services.actors import SYSTEM
from tests.api.v2.test_cart_coupons import ORDER, change, put, refusal
from tests.clients import Client, ok
from tests.factories import make_category, new_book, new_coupon, reader_and_clerk


@pytest.fixture
def reader(shop: Flask) -> Client:
    """A reader with two copies of a book at 10.00 in the cart."""
    reader = reader_and_clerk(shop)[0]
    ok(reader.post("/cart/items", {"book_id": new_book(shop, price=1000), "quantity": 2}), 201)
    return reader


def test_it_takes_only_off_its_books(shop: Flask, reader: Client) -> None:
    with shop.app_context():
        shelf = make_category("Poems").id
    poems = new_book(shop, price=500, category_ids=[shelf])
    single = new_book(shop, price=300)
    new_coupon(shop, "SOME", "50", category_ids=[shelf], book_ids=[single])
    assert refusal(reader, "SOME") == "not_for_these_books"
    ok(reader.post("/cart/items", {"book_id": poems}), 201)
    assert put(reader, "SOME")["discount"] == "2.50"
    cart = ok(reader.post("/cart/items", {"book_id": single}), 201)
    assert (cart["subtotal"], cart["discount"]) == ("28.00", "4.00")
    order = ok(reader.post("/orders", ORDER), 201)
    shares = {item["book_id"]: item["discount"] for item in order["items"]}
    assert (shares.pop(poems), shares.pop(single)) == ("2.50", "1.50")
    assert set(shares.values()) == {"0.00"}


def test_what_it_was_for_is_deleted(shop: Flask, reader: Client) -> None:
    with shop.app_context():
        shelf = make_category("Poems").id
    [item] = ok(reader.get("/cart"))["items"]
    spare = new_book(shop)
    with shop.app_context():
        changes = {"category_ids": [shelf]}
        catalog_editing.update_book(SYSTEM, item["book"]["id"], changes)
    coupon = new_coupon(shop, "SHELF", category_ids=[shelf], book_ids=[spare])
    assert put(reader, "SHELF")["discount"] == "2.00"
    with shop.app_context():
        catalog_editing.update_book(SYSTEM, item["book"]["id"], {"category_ids": []})
        kind = catalog_records.CATEGORIES
        catalog_records.delete_record(SYSTEM, kind, shelf, version=None)
        catalog_editing.delete_book(SYSTEM, spare)
    # For nothing now, rather than for everything.
    cart = ok(reader.get("/cart"))
    assert (cart["coupon"]["reason"], cart["discount"]) == ("not_for_these_books", "0.00")
    change(shop, coupon, stackable=True)
    assert refusal(reader, "SHELF") == "not_for_these_books"
    # Unless somebody says so.
    change(shop, coupon, category_ids=[])
    assert put(reader, "SHELF")["discount"] == "2.00"


def test_a_deleted_coupon_leaves_the_cart(shop: Flask, reader: Client) -> None:
    coupon = new_coupon(shop, "GONE")
    put(reader, "GONE")
    with shop.app_context():
        coupon_editing.remove(SYSTEM, coupon)
        assert db.session.get(Coupon, coupon) is None
    assert ok(reader.get("/cart"))["coupon"] is None
    ok(reader.post("/orders", ORDER), 201)
