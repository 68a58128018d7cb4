"""A request repeated with its Idempotency-Key is answered as the first time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from werkzeug.test import TestResponse

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import IdempotencyKey, Order
from bookstore.services import idempotency
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import PASSWORD, check_books, make_book, reader_and_clerk

ORDER = {"shipping_address": ADDRESS}
UUID = "5f0c3f0e-7c1f-4b2c-9d7a-0f6f5d1f9a11"


@pytest.fixture
def book(shop: Flask) -> int:
    with shop.app_context():
        return make_book(stock=10).id


@pytest.fixture
def reader(shop: Flask) -> Client:
    return reader_and_clerk(shop)[0]


def keys(shop: Flask) -> int:
    with shop.app_context():
        return db.session.scalar(select(func.count()).select_from(IdempotencyKey)) or 0


def alter(shop: Flask, **values: Any) -> None:
    """Change the stored key, as time or a crash would."""
    with shop.app_context(), unit_of_work() as session:
        session.execute(update(IdempotencyKey).values(**values))


def is_replay(answer: TestResponse, first: TestResponse) -> bool:
    """Whether it is the first answer again, to the byte, and says so."""
    assert answer.headers.get("Idempotency-Replayed") == "true"
    assert "Idempotency-Replayed" not in first.headers
    for name in ("Content-Type", "Location", "ETag", "X-Cart-Token", "Content-Length"):
        assert answer.headers.get(name) == first.headers.get(name), name
    return (answer.status_code, answer.data) == (first.status_code, first.data)


@contextmanager
def broken(shop: Flask) -> Iterator[None]:
    """The database loses a table for a while, and errors become answers as in production."""

    def rename(old: str, new: str) -> None:
        with shop.app_context(), unit_of_work() as session:
            session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    rename("order_events", "order_events_away")
    shop.config["PROPAGATE_EXCEPTIONS"] = False
    try:
        yield
    finally:
        shop.config["PROPAGATE_EXCEPTIONS"] = None
        rename("order_events_away", "order_events")


def test_an_order_is_placed_once(shop: Flask, reader: Client, book: int) -> None:
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    first = reader.post("/orders", ORDER, Idempotency_Key="a")
    ok(first, 201)
    assert first.headers["Location"]
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    for _ in range(2):
        assert is_replay(reader.post("/orders", ORDER, Idempotency_Key="a"), first)
    assert check_books(shop) == {book: 9}
    ok(reader.post("/orders", ORDER, Idempotency_Key="b"), 201)
    assert check_books(shop) == {book: 8}


def test_adding_is_done_once(reader: Client, book: int) -> None:
    first = reader.post("/cart/items", {"book_id": book}, Idempotency_Key="a")
    assert is_replay(reader.post("/cart/items", {"book_id": book}, Idempotency_Key="a"), first)
    assert ok(reader.get("/cart"))["total_items"] == 1


def test_the_etag_comes_back(shop: Flask, book: int) -> None:
    _, clerk = reader_and_clerk(shop)
    body = {"title": "New", "price": "1.00", "author_id": 1}
    first = clerk.post("/books", body, Idempotency_Key="a")
    ok(first, 201)
    assert first.headers["ETag"]
    assert is_replay(clerk.post("/books", body, Idempotency_Key="a"), first)


def test_a_guest_gets_the_same_token_again(shop: Flask, client: Client, book: int) -> None:
    body = {"book_id": book}
    first = client.post("/cart/items", body, Idempotency_Key=UUID)
    assert first.headers["X-Cart-Token"]
    assert is_replay(client.post("/cart/items", body, Idempotency_Key=UUID), first)
    guest = Client(shop, {"X-Cart-Token": first.headers["X-Cart-Token"]})
    assert ok(guest.get("/cart"))["total_items"] == 1
    # With its cart a guest is somebody: the same key is another one there.
    added = guest.post("/cart/items", body, Idempotency_Key=UUID)
    assert ok(added, 201)["total_items"] == 2
    assert is_replay(guest.post("/cart/items", body, Idempotency_Key=UUID), added)


def test_guests_elsewhere_are_others(client: Client, book: int) -> None:
    tokens = set()
    for address in ("192.0.2.1", "192.0.2.2"):
        client.http.environ_base["REMOTE_ADDR"] = address
        added = client.post("/cart/items", {"book_id": book}, Idempotency_Key=UUID)
        assert ok(added, 201)["total_items"] == 1
        tokens.add(added.headers["X-Cart-Token"])
    assert len(tokens) == 2


def test_another_body_under_the_key_is_refused(reader: Client, book: int) -> None:
    ok(reader.post("/cart/items", {"book_id": book}, Idempotency_Key="a"), 201)
    other = reader.post("/cart/items", {"book_id": book, "quantity": 2}, Idempotency_Key="a")
    problem(other, 422, "idempotency_key_reused")
    assert ok(reader.get("/cart"))["total_items"] == 1


def test_others_and_other_routes_have_their_own_keys(
    shop: Flask, reader: Client, book: int
) -> None:
    other, _ = reader_and_clerk(shop)
    for client in (reader, other):
        added = client.post("/cart/items", {"book_id": book}, Idempotency_Key="a")
        assert ok(added, 201)["total_items"] == 1
        ok(client.post("/wishlist/items", {"book_id": book}, Idempotency_Key="a"), 201)
        placed = client.post("/orders", ORDER, Idempotency_Key="a")
        ok(placed, 201)
        assert "Idempotency-Replayed" not in placed.headers


def test_a_refusal_is_an_answer_too(reader: Client, book: int) -> None:
    first = reader.post("/orders", ORDER, Idempotency_Key="a")
    problem(first, 409, "cart_empty")
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    again = reader.post("/orders", ORDER, Idempotency_Key="a")
    assert is_replay(again, first)
    assert ok(reader.get("/cart"))["total_items"] == 1


def test_bad_input_uses_up_no_key(shop: Flask, reader: Client, book: int) -> None:
    bad = reader.post("/cart/items", {"book_id": "x"}, Idempotency_Key="a")
    problem(bad, 422, "validation_failed")
    assert keys(shop) == 0
    ok(reader.post("/cart/items", {"book_id": book}, Idempotency_Key="a"), 201)


def test_a_stranger_uses_up_no_key(shop: Flask, client: Client) -> None:
    problem(client.post("/orders", ORDER, Idempotency_Key="a"), 401, "unauthenticated")
    assert keys(shop) == 0


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\tb"])
def test_bad_keys(shop: Flask, reader: Client, book: int, key: str) -> None:
    refused = reader.post("/cart/items", {"book_id": book}, Idempotency_Key=key)
    assert list(problem(refused, 422, "validation_failed")["errors"]) == ["Idempotency-Key"]
    assert ok(reader.get("/cart"))["items"] == []
    ok(reader.post("/cart/items", {"book_id": book}, Idempotency_Key="~" * 255), 201)


def test_after_a_day_it_is_forgotten(shop: Flask, reader: Client, book: int) -> None:
    body = {"book_id": book}
    ok(reader.post("/cart/items", body, Idempotency_Key="a"), 201)
    alter(shop, created_at=clock.now() - timedelta(hours=23, minutes=59))
    assert "Idempotency-Replayed" in reader.post("/cart/items", body, Idempotency_Key="a").headers
    alter(shop, created_at=clock.now() - timedelta(hours=24, minutes=1))
    # Also with another body: nobody remembers the first.
    again = reader.post("/cart/items", {"book_id": book, "quantity": 2}, Idempotency_Key="a")
    assert ok(again, 201)["total_items"] == 3
    assert "Idempotency-Replayed" not in again.headers
    alter(shop, created_at=clock.now() - timedelta(hours=24, minutes=1))
    with shop.app_context():
        assert idempotency.forget_old() == 1
    assert keys(shop) == 0


def test_while_the_first_runs(shop: Flask, reader: Client, book: int) -> None:
    body = {"book_id": book}
    ok(reader.post("/cart/items", body, Idempotency_Key="a"), 201)
    running = {"status_code": None, "headers": None, "body": None}
    alter(shop, leased_until=clock.now() + timedelta(seconds=30), **running)
    second = reader.post("/cart/items", body, Idempotency_Key="a")
    problem(second, 409, "idempotency_in_progress")
    other = reader.post("/cart/items", {"book_id": book, "quantity": 2}, Idempotency_Key="a")
    problem(other, 422, "idempotency_key_reused")
    assert ok(reader.get("/cart"))["total_items"] == 1
    # Whoever ran it has died: the next one takes over.
    alter(shop, leased_until=clock.now() - timedelta(seconds=1))
    taken = reader.post("/cart/items", body, Idempotency_Key="a")
    assert ok(taken, 201)["total_items"] == 2
    assert is_replay(reader.post("/cart/items", body, Idempotency_Key="a"), taken)


def test_a_fault_of_ours_frees_the_key(shop: Flask, reader: Client, book: int) -> None:
    ok(reader.post("/cart/items", {"book_id": book}), 201)
    with broken(shop):
        failed = reader.post("/orders", ORDER, Idempotency_Key="a")
        assert failed.status_code in {500, 503}
        assert failed.content_type == "application/problem+json"
        assert b"order_events" not in failed.data
    assert keys(shop) == 0
    assert check_books(shop) == {book: 10}
    placed = reader.post("/orders", ORDER, Idempotency_Key="a")
    ok(placed, 201)
    assert "Idempotency-Replayed" not in placed.headers
    with shop.app_context():
        assert db.session.scalar(select(func.count()).select_from(Order)) == 1


def test_an_account_is_made_once(client: Client) -> None:
    account = {"username": "ann", "email": "ann@example.com", "password": PASSWORD}
    first = client.post("/auth/register", account, Idempotency_Key="a")
    ok(first, 201)
    assert is_replay(client.post("/auth/register", account, Idempotency_Key="a"), first)
    problem(client.post("/auth/register", account), 409, "username_taken")


def test_a_guests_key_must_be_too_long_to_be_anothers(shop: Flask, client: Client) -> None:
    with shop.app_context():
        book = make_book().id
    line = {"book_id": book}
    body = problem(client.post("/cart/items", line, Idempotency_Key="1"), 422, "validation_failed")
    assert "Idempotency-Key" in body["errors"]
    token = client.post("/cart/items", line).headers["X-Cart-Token"]
    ok(client.post("/cart/items", line, Idempotency_Key="1", X_Cart_Token=token), 201)
