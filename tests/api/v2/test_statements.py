"""How many SQL statements a request takes; a page must not ask once a row."""

import pytest
from flask import Flask

from bookstore.extensions import redis_handle
from tests.clients import ADDRESS, Client, ok, statements
from tests.factories import (
    log_in,
    make_author,
    make_book,
    make_category,
    make_user,
    reader_and_clerk,
)


@pytest.fixture
def books(shop: Flask) -> list[int]:
    """Twenty books with several authors and categories each."""
    with shop.app_context():
        authors = [make_author("A", f"Author {n}").id for n in range(4)]
        shelves = [make_category(f"Shelf {n}").id for n in range(3)]
        return [
            make_book(
                f"Star {n}",
                stock=50,
                author_ids=authors[n % 3 : n % 3 + 2],
                category_ids=shelves[: n % 4],
            ).id
            for n in range(20)
        ]


@pytest.fixture
def reader(shop: Flask) -> Client:
    return reader_and_clerk(shop)[0]


def count(client: Client, method: str, path: str, body: object = None, status: int = 200) -> int:
    """Return how many statements one request takes, nothing cached."""
    with client.app.app_context():
        redis_handle.client.flushall()
    with statements(client.app) as found:
        ok(client.call(method, path, body), status)
    return len(found)


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/books", 2),
        ("/books?count=true", 3),
        ("/books?sort=-rating&category=shelf-1&in_stock=true", 2),
        ("/books?view=mobile", 2),
        ("/books/1", 2),
        ("/books/bestsellers", 2),
        # Few know it: its shelves, what sells best on them, what sells best.
        ("/books/1/recommendations", 4),
        ("/books/1/reviews", 2),
        ("/authors", 1),
        ("/authors/1", 2),
        ("/categories?count=true", 2),
        ("/cart", 1),
        ("/shipping-methods?country=GB", 2),
        ("/shipping-methods/1", 2),
    ],
)
def test_reading_as_anybody(client: Client, books: list[int], path: str, limit: int) -> None:
    assert count(client, "GET", path) <= limit


def test_searching(client: Client, books: list[int]) -> None:
    assert count(client, "GET", "/books?q=star") <= 3


def test_who_asks_takes_one_more(reader: Client, books: list[int]) -> None:
    for path, limit in (
        *(("/books", 3), ("/books/1", 3), ("/me", 2), ("/cart", 2), ("/wishlist", 2)),
        *(("/books/1/recommendations", 5), ("/me/recommendations", 4)),
    ):
        assert count(reader, "GET", path) <= limit


def test_what_is_cached_takes_none(client: Client, books: list[int]) -> None:
    for path in ("/books", "/books/1", "/books/bestsellers"):
        ok(client.get(path))
        with statements(client.app) as found:
            ok(client.get(path))
        assert found == []


def test_reviews_by_many(shop: Flask, client: Client, books: list[int]) -> None:
    with shop.app_context():
        readers = [log_in(shop, make_user()) for _ in range(5)]
    for one in readers:
        ok(one.post(f"/books/{books[0]}/reviews", {"rating": 3}), 201)
    assert count(client, "GET", f"/books/{books[0]}/reviews") <= 1


def test_carts_and_orders(reader: Client, books: list[int]) -> None:
    # The first opens the cart.
    ok(reader.post("/cart/items", {"book_id": books[0]}), 201)
    for book in books[:3]:
        assert count(reader, "POST", "/cart/items", {"book_id": book}, 201) <= 4
    assert count(reader, "GET", "/cart") <= 2
    assert count(reader, "POST", "/cart/quote", {}) <= 4
    # Four for who is told: the event, who listens, the mail, the notification; two for what it
    # costs: ways to send it, taxes.
    assert count(reader, "POST", "/orders", {"shipping_address": ADDRESS}, 201) <= 18
    assert count(reader, "GET", "/orders/1") <= 3
    for book in books[:3]:
        ok(reader.post("/cart/items", {"book_id": book}), 201)
    ok(reader.post("/orders", {"shipping_address": ADDRESS}), 201)
    assert count(reader, "GET", "/orders") <= 3
    ok(reader.post("/wishlist/items", {"book_id": books[0]}), 201)
    # One for each kind of thing that is kept about somebody.
    assert count(reader, "GET", "/me/export") <= 18
