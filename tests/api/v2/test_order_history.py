"""Orders after they are placed: moving along, lists, receipts."""

from itertools import product
from typing import Any

from flask import Flask

from bookstore.models.orders import STATUSES, TRANSITIONS
from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import make_book, reader_and_clerk

# How to get to each status.
PATHS: dict[str, list[str]] = {
    "pending": [],
    "processing": ["processing"],
    "shipped": ["processing", "shipped"],
    "delivered": ["processing", "shipped", "delivered"],
    "cancelled": ["cancelled"],
}


def buy(shop: Flask, client: Client, **book: Any) -> Any:
    with shop.app_context():
        book_id = make_book(**book).id
    ok(client.post("/cart/items", {"book_id": book_id}), 201)
    return ok(client.post("/orders", {"shipping_address": ADDRESS}), 201)


def test_every_step_from_every_status(shop: Flask, people: tuple[Client, Client]) -> None:
    reader, clerk = people
    for start, end in product(STATUSES, STATUSES):
        order = buy(shop, reader)
        path = f"/orders/{order['id']}"
        for step in PATHS[start]:
            order = ok(clerk.post(f"{path}/status", {"status": step}))
        answer = clerk.post(f"{path}/status", {"status": end, "tracking_number": "T1"})
        if end in TRANSITIONS[start]:
            moved = ok(answer)
            assert (moved["status"], moved["version"]) == (end, order["version"] + 1)
            assert moved["tracking_number"] == "T1"
            assert moved["updated_at"] > order["updated_at"]
        else:
            refused = problem(answer, 409, "invalid_transition")
            assert refused["status_now"] == start
            assert refused["allowed"] == list(TRANSITIONS[start])
            assert ok(reader.get(path)) == order


def test_the_history_tells_who_did_what(shop: Flask, people: tuple[Client, Client]) -> None:
    reader, clerk = people
    order = buy(shop, reader)
    path = f"/orders/{order['id']}"
    for status in ("processing", "shipped", "delivered"):
        body = {"status": status, "note": f"now {status}", "tracking_number": f"T-{status}"}
        moved = ok(clerk.post(f"{path}/status", body))
    assert (moved["version"], moved["tracking_number"]) == (4, "T-delivered")
    events = ok(reader.get(f"{path}/events"))["data"]
    assert [(e["from"], e["to"], e["note"]) for e in events] == [
        (None, "pending", ""),
        ("pending", "processing", "now processing"),
        ("processing", "shipped", "now shipped"),
        ("shipped", "delivered", "now delivered"),
    ]
    assert [e["actor"].partition(":")[0] for e in events] == ["user", "staff", "staff", "staff"]
    assert sorted(e["at"] for e in events) == [e["at"] for e in events]


def test_only_staff_moves_orders(
    shop: Flask, client: Client, people: tuple[Client, Client]
) -> None:
    reader, clerk = people
    path = f"/orders/{buy(shop, reader)['id']}/status"
    problem(reader.post(path, {"status": "processing"}), 403, "forbidden")
    problem(client.post(path, {"status": "processing"}), 401, "unauthenticated")
    problem(clerk.post("/orders/999999/status", {"status": "processing"}), 404, "not_found")
    for body, field in (
        ({}, "status"),
        ({"status": "lost"}, "status"),
        ({"status": None}, "status"),
        ({"status": "processing", "tracking_number": ""}, "tracking_number"),
        ({"status": "processing", "payment_status": "paid"}, "payment_status"),
    ):
        refused = problem(clerk.post(path, body), 422, "validation_failed")
        assert list(refused["errors"]) == [field]


def test_pages_are_newest_first(shop: Flask, people: tuple[Client, Client]) -> None:
    reader, clerk = people
    placed = [buy(shop, reader)["id"] for _ in range(5)]
    found, path = [], "/orders?limit=2&count=true"
    while path:
        answer = reader.get(path)
        page = ok(answer)
        assert page["total"] == 5
        found += [order["id"] for order in page["data"]]
        link = answer.headers.get("Link", "")
        assert ('rel="next"' in link) == (page["next_cursor"] is not None)
        path = link.partition(">")[0].removeprefix("<")
    assert found == placed[::-1]
    ok(clerk.post(f"/orders/{placed[1]}/status", {"status": "processing"}))
    only = ok(reader.get("/orders?status=processing"))["data"]
    assert [order["id"] for order in only] == [placed[1]]
    assert only[0] == ok(reader.get(f"/orders/{placed[1]}"))


def test_staff_sees_everybodys(shop: Flask, people: tuple[Client, Client]) -> None:
    reader, clerk = people
    other, _ = reader_and_clerk(shop)
    placed = [buy(shop, client)["id"] for client in (reader, other)]
    assert ok(clerk.get("/orders"))["data"] == []
    everybodys = ok(clerk.get("/orders?all=true"))["data"]
    assert [order["id"] for order in everybodys] == placed[::-1]
    problem(reader.get("/orders?all=true"), 403, "forbidden")
    assert [o["id"] for o in ok(reader.get("/orders?all=false"))["data"]] == placed[:1]
    for query in ("status=lost", "limit=0", "limit=101", "cursor=x", "user_id=1", "all=maybe"):
        problem(reader.get(f"/orders?{query}"), 422, "validation_failed")


def test_a_receipt_is_safe_to_open(shop: Flask, people: tuple[Client, Client]) -> None:
    reader, clerk = people
    with shop.app_context():
        book = make_book("<script>alert(1)</script> & Sons").id
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    address = {**ADDRESS, "name": "<img src=x onerror=alert(2)>", "line2": '"><b>', "city": "A&B"}
    order = ok(reader.post("/orders", {"shipping_address": address}), 201)
    tracking = {"status": "processing", "tracking_number": "<i>1</i>"}
    ok(clerk.post(f"/orders/{order['id']}/status", tracking))
    answer = reader.get(f"/orders/{order['id']}/invoice")
    page = answer.get_data(as_text=True)
    assert answer.content_type.startswith("text/html")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for raw in ("<script", "<img", "<b>", "<i>"):
        assert raw not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons" in page
    for shown in ("A&amp;B", order["number"], order["total_amount"], "4.99", "19.99", "USD"):
        assert shown in page
    assert clerk.get(f"/orders/{order['id']}/invoice").status_code == 200
