"""The thin path: a reader from registration to an order, on both databases."""

from flask import Flask

from tests.clients import ADDRESS, Client, ok
from tests.factories import PASSWORD, log_in, make_book, make_user


def test_a_guest_becomes_a_reader_and_buys(shop: Flask, client: Client) -> None:
    with shop.app_context():
        book = make_book("The Left Hand of Darkness", price=1250, stock=5)
        clerk = make_user(is_staff=True)
    listed = ok(client.get("/books?q=left+hand"))["data"]
    assert [b["id"] for b in listed] == [book.id]
    added = client.post("/cart/items", {"book_id": book.id, "quantity": 2})
    ok(added, 201)
    guest = {"X-Cart-Token": added.headers["X-Cart-Token"]}
    account = {"username": "ann", "email": "ann@example.com", "password": PASSWORD}
    ok(client.post("/auth/register", account), 201)
    tokens = ok(client.post("/auth/token", {"username": "Ann", "password": PASSWORD}, **guest))
    ann = client.with_token(tokens["access"])
    cart = ok(ann.get("/cart"))
    assert cart["total_items"] == 2
    assert cart["subtotal"] == "25.00"
    quote = ok(ann.post("/cart/quote", {}))
    order = ok(
        ann.post("/orders", {"shipping_address": ADDRESS, "expected_total": quote["total"]}),
        201,
    )
    assert order["status"] == "pending"
    assert order["total_amount"] == quote["total"] == "29.99"
    assert ok(ann.get("/cart"))["items"] == []
    moved = ok(log_in(shop, clerk).post(f"/orders/{order['id']}/status", {"status": "processing"}))
    assert moved["version"] == 2
    events = ok(ann.get(f"/orders/{order['id']}/events"))["data"]
    assert [(e["from"], e["to"]) for e in events] == [(None, "pending"), ("pending", "processing")]
    invoice = ann.get(f"/orders/{order['id']}/invoice")
    assert "The Left Hand of Darkness" in invoice.get_data(as_text=True)
