"""What a book looks like: to staff, to the public, on a small screen, and out of the cache."""

from typing import Any

import pytest
from flask import Flask

from bookstore.extensions import redis_handle
from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import make_book, reader_and_clerk


@pytest.fixture
def books(shop: Flask) -> list[int]:
    with shop.app_context():
        titles = ["Kindred", "Kindness", "Parable"]
        return [make_book(title, price=1000, stock=7, sku=title).id for title in titles]


def everywhere(client: Client, book: int) -> list[dict[str, Any]]:
    """Return a book as each list and its own page show it."""
    found = [ok(client.get(f"/books/{book}"))]
    for path in ("/books", "/books?sort=price", "/books?q=kindred", "/books?status=available"):
        found += [b for b in ok(client.get(path))["data"] if b["id"] == book]
    return found


def test_staff_fields_are_for_staff(shop: Flask, client: Client, books: list[int]) -> None:
    reader, clerk = reader_and_clerk(shop)
    # In every order of asking: neither answer may come out of the other's cache.
    for asking in (clerk, client, reader, clerk, client):
        for view in everywhere(asking, books[0]):
            assert ("stock" in view) == ("sku" in view) == (asking is clerk)
    for asking, names in ((clerk, {"stock", "id"}), (client, {"id"}), (reader, {"id"})):
        for path in (f"/books/{books[0]}?fields=id,stock", "/books?fields=stock,id"):
            body = ok(asking.get(path))
            assert set(body["data"][0] if "data" in body else body) == names
    tags = [asking.get(f"/books/{books[0]}").headers["ETag"] for asking in (client, clerk)]
    assert tags[0] != tags[1]
    assert "s7" not in tags[0]


def test_who_may_keep_an_answer(shop: Flask, client: Client, books: list[int]) -> None:
    reader, clerk = reader_and_clerk(shop)
    for path in ("/books", f"/books/{books[0]}", "/books/bestsellers", "/authors"):
        answer = client.get(path)
        assert answer.headers["Cache-Control"] == "public, no-cache"
        assert "Authorization" in answer.headers["Vary"]
        for asking in (reader, clerk):
            assert "no-store" in asking.get(path).headers["Cache-Control"]
    assert "no-store" in client.get("/cart").headers["Cache-Control"]


def test_the_cache_is_never_stale(shop: Flask, client: Client, books: list[int]) -> None:
    reader, clerk = reader_and_clerk(shop)
    book = books[0]

    def seen(name: str) -> set[Any]:
        # Twice: the second time from the cache.
        for _ in range(2):
            values = {str(view[name]) for view in everywhere(client, book)}
        return values

    assert seen("price") == {"10.00"}
    ok(clerk.patch(f"/books/{book}", {"price": "12.34"}, If_Match="*"))
    assert seen("price") == {"12.34"}
    ok(reader.post("/cart/items", {"book_id": book, "quantity": 3}), 201)
    order = ok(reader.post("/orders", {"shipping_address": ADDRESS}), 201)
    assert seen("stock_state") == {"low_stock"}
    ok(reader.post(f"/orders/{order['id']}/cancel", {}))
    assert seen("stock_state") == {"in_stock"}
    review = ok(reader.post(f"/books/{book}/reviews", {"rating": 4}), 201)
    assert seen("average_rating") == {"4.0"}
    ok(reader.patch(f"/books/{book}/reviews/{review['id']}", {"rating": 1}))
    assert seen("average_rating") == {"1.0"}
    author = ok(client.get(f"/books/{book}"))["author"]["id"]
    ok(clerk.patch(f"/authors/{author}", {"last_name": "Butler"}, If_Match="*"))
    assert all("Butler" in name for name in seen("author"))
    before = len(ok(client.get("/books"))["data"])
    with shop.app_context():
        make_book()
    assert len(ok(client.get("/books"))["data"]) == before + 1


def test_a_refused_change_leaves_the_cache_alone(
    shop: Flask, client: Client, books: list[int]
) -> None:
    _, clerk = reader_and_clerk(shop)
    tag = client.get("/books").headers["ETag"]
    problem(clerk.patch(f"/books/{books[0]}", {"sku": "Parable"}, If_Match="*"), 409, "sku_taken")
    assert client.get("/books", If_None_Match=tag).status_code == 304


def test_junk_does_not_fill_the_cache(shop: Flask, client: Client, books: list[int]) -> None:
    ok(client.get("/books"))
    with shop.app_context():
        before = redis_handle.client.dbsize()
        for number in range(30):
            assert client.get(f"/books?junk={number}").status_code == 422
            ok(client.get(f"/books?q=junk{number}"))
        assert redis_handle.client.dbsize() == before


def test_trimmed_and_mobile_views(client: Client, books: list[int]) -> None:
    assert ok(client.get(f"/books/{books[0]}?fields=title,id")) == {
        "id": books[0],
        "title": "Kindred",
    }
    rows = ok(client.get("/books?fields=price&limit=2"))
    assert rows["data"] == [{"price": "10.00"}] * 2
    assert rows["next_cursor"]
    mobile = {
        "id": books[0], "title": "Kindred", "author_name": "Ursula Le Guin", "thumbnail": None,
        "price": "10.00", "average_rating": None,
    }  # fmt: skip
    assert ok(client.get(f"/books/{books[0]}?view=mobile")) == mobile
    assert mobile in ok(client.get("/books?view=mobile"))["data"]
    assert ok(client.get(f"/books/{books[0]}?view=mobile&fields=author_name")) == {
        "author_name": "Ursula Le Guin"
    }
    for path in (f"/books/{books[0]}?view=mobile&fields=isbn", "/books?view=mobile&fields=isbn"):
        body = problem(client.get(path), 422, "validation_failed")
        assert set(body["errors"]) == {"fields"}


def test_bestsellers(shop: Flask, client: Client, books: list[int]) -> None:
    reader, clerk = reader_and_clerk(shop)
    unsold = ok(client.get("/books/bestsellers"))["data"]
    assert [book["id"] for book in unsold] == sorted(books)[:10]
    for book, copies in ((books[0], 1), (books[1], 3), (books[2], 1)):
        ok(reader.post("/cart/items", {"book_id": book, "quantity": copies}), 201)
    ok(reader.post("/orders", {"shipping_address": ADDRESS}), 201)
    ok(reader.post(f"/books/{books[2]}/reviews", {"rating": 1}), 201)
    for asking in (client, clerk, client):
        found = ok(asking.get("/books/bestsellers"))["data"]
        assert [book["id"] for book in found][:3] == [books[1], books[2], books[0]]
        assert len(found) == min(10, len(books))
        assert "stock" not in found[0]


def test_suggestions(client: Client, books: list[int]) -> None:
    found = ok(client.get("/books/suggest?q=kind"))["data"]
    assert {row["title"] for row in found} == {"Kindred", "Kindness"}
    assert set(found[0]) == {"id", "title", "author_name"}
    assert ok(client.get("/books/suggest?q=zzzzzz"))["data"] == []
    for query in ("", "?q=" + "x" * 101, "?q=a%00"):
        body = problem(client.get(f"/books/suggest{query}"), 422, "validation_failed")
        assert set(body["errors"]) == {"q"}
    for odd in ("", "%20", "%25", "'", '"', "*", "(", "AND", "a:b", "-", "\\", "^a"):
        ok(client.get(f"/books/suggest?q={odd}"))
        ok(client.get(f"/books?q={odd}"))


def test_head_and_options(client: Client, books: list[int]) -> None:
    for path in ("/books", f"/books/{books[0]}", "/books/bestsellers", "/authors", "/cart"):
        full, head = client.get(path), client.call("HEAD", path)
        assert head.status_code == 200
        assert head.data == b""
        for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control"):
            assert head.headers.get(name) == full.headers.get(name)
        options = client.call("OPTIONS", path)
        assert options.status_code == 200
        assert {"GET", "HEAD", "OPTIONS"} <= set(options.headers["Allow"].split(", "))
    problem(client.get("/books/999999"), 404, "not_found")
    assert client.call("HEAD", "/books/999999").status_code == 404
