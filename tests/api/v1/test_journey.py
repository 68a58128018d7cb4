"""The journey of a customer of the old shop, word for word as the old client makes it."""

from decimal import Decimal

from flask import Flask

from tests.api.v1.conftest import OldClient
from tests.clients import ADDRESS, Client, ok
from tests.factories import PASSWORD, check_books, make_user, new_book


def test_from_login_to_payment(shop: Flask, slash: str) -> None:
    first, second = new_book(shop, price=1999, stock=5), new_book(shop, price=550)
    with shop.app_context():
        make_user("ann")
    anybody = Client(shop)
    tokens = ok(anybody.post(f"/api/token{slash}", {"username": "ann", "password": PASSWORD}))
    assert {"access", "refresh"} <= set(tokens)
    fresh = ok(anybody.post(f"/api/token/refresh{slash}", {"refresh": tokens["refresh"]}))
    ann = OldClient(anybody.with_token(fresh["access"]), slash)

    assert ok(ann.get("cart"))["items"] == []
    cart = ok(ann.post("cart/add_item", {"book_id": first, "quantity": 2}), 201)
    cart = ok(ann.post("cart/add_item", {"book_id": second}), 201)
    assert (cart["total_price"], cart["total_items"]) == ("45.48", 3)
    assert [line["book"]["id"] for line in cart["items"]] == [first, second]
    cart = ok(ann.delete("cart/remove_item", {"book_id": second}))
    assert (cart["total_price"], cart["total_items"]) == ("39.98", 2)

    address = {"shipping_address": "1 High St\nYork, UK"}
    order = ok(ann.post("orders/create_from_cart", address), 201)
    assert order["shipping_address"] == address["shipping_address"]
    assert order["status"] == "pending"
    [line] = order["items"]
    assert (line["book"]["id"], line["quantity"], line["price"]) == (first, 2, "19.99")
    amounts = {name: Decimal(order[name]) for name in ("subtotal", "shipping", "tax", "discount")}
    assert amounts["subtotal"] == Decimal("39.98")
    due = amounts["subtotal"] - amounts["discount"] + amounts["shipping"] + amounts["tax"]
    assert Decimal(order["total_amount"]) == due
    assert ok(ann.get("cart"))["total_items"] == 0

    secret = ok(ann.post("payments/create_payment_intent", {"order_id": order["id"]}))
    assert set(secret) == {"client_secret"}
    card = {"client_secret": secret["client_secret"], "card_number": "4242424242424242"}
    assert ok(ann.client.post("/payments/test/confirm", card))["status"] == "succeeded"
    assert ok(ann.get(f"orders/{order['id']}")) == order
    assert [found["id"] for found in ok(ann.get("orders"))["results"]] == [order["id"]]
    assert check_books(shop)[first] == 3


def test_the_address_tells_the_country(shop: Flask, reader: OldClient) -> None:
    book = new_book(shop)
    for text, country in (
        ("1 High Street, York, United Kingdom, YO1 7HH", "GB"),
        ("Hauptstr. 1\n10115 Berlin\nDeutschland", "DE"),
        ("Hauptstr. 1\n10115 Berlin\nDE", "DE"),
        ("5 Elm St, San Francisco, CA", ""),
        ("5 Elm St, San Francisco, CA 94103, U.S.A.", "US"),
        ("somewhere", ""),
    ):
        ok(reader.post("cart/add_item", {"book_id": book}), 201)
        order = ok(reader.post("orders/create_from_cart", {"shipping_address": text}), 201)
        assert order["shipping_address"] == text
        now = ok(reader.client.get(f"/orders/{order['id']}"))
        assert now["shipping_address"]["country"] == country
        assert (now["tax_included"] != "0.00") == (country in {"GB", "DE"})


def test_an_order_of_v2_has_an_address_too(shop: Flask, reader: OldClient) -> None:
    ok(reader.client.post("/cart/items", {"book_id": new_book(shop)}), 201)
    order = ok(reader.client.post("/orders", {"shipping_address": ADDRESS}), 201)
    text = ok(reader.get(f"orders/{order['id']}"))["shipping_address"]
    assert text == "Ann Reader\n1 High Street\nYO1 7HH York\nGB"


def test_the_wishlist(shop: Flask, reader: OldClient) -> None:
    book = new_book(shop, title="Dune")
    assert ok(reader.get("wishlist")) == {"id": None, "items": [], "created_at": None}
    wishlist = ok(reader.post("wishlist/add_item", {"book_id": book, "notes": "soon"}), 201)
    [item] = wishlist["items"]
    assert (item["book"]["title"], item["notes"]) == ("Dune", "soon")
    assert "error" in ok(reader.post("wishlist/add_item", {"book_id": book}), 400)
    assert ok(reader.delete("wishlist/remove_item", {"book_id": book}))["items"] == []
    assert ok(reader.delete("wishlist/remove_item", {"book_id": book}))["items"] == []


def test_reviews(shop: Flask, reader: OldClient, clerk: OldClient, guest: OldClient) -> None:
    book = new_book(shop)
    review = ok(reader.post("reviews", {"book": book, "rating": 4, "comment": "Good"}), 201)
    assert set(review) == {"id", "book", "user", "rating", "title", "comment", "created_at"}
    assert (review["book"], review["rating"], review["title"]) == (book, 4, "")
    ok(clerk.post("reviews", {"book": book, "rating": 2}), 201)
    url = f"reviews/{review['id']}"
    assert ok(guest.get(url)) == review
    assert ok(reader.patch(url, {"rating": 5}))["comment"] == "Good"
    assert ok(reader.put(url, {"book": book, "rating": 3, "comment": ""}))["comment"] == ""
    assert "rating" in ok(reader.put(url, {"comment": ""}), 400)
    assert ok(guest.get(f"books/{book}"))["average_rating"] == 2.5
    assert [one["rating"] for one in guest.pages(f"books/{book}/reviews")] == [2, 3]
    assert [one["rating"] for one in guest.pages(f"reviews?book={book}&rating=3")] == [3]
    assert list(guest.pages("reviews?user=987654")) == []
    assert clerk.delete(url).status_code == 204
    assert guest.get(url).status_code == 404
