"""One book: made, read, changed and removed by staff, read by everybody."""

from typing import Any

import pytest
from flask import Flask

from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import (
    log_in,
    make_author,
    make_book,
    make_category,
    make_user,
    reader_and_clerk,
)

PUBLIC = {
    "id", "title", "subtitle", "isbn", "description", "pages", "language", "status", "price",
    "currency", "stock_state", "publication_date", "author", "authors", "publisher", "categories",
    "weight", "tax_category", "cover", "average_rating", "review_count", "created_at", "updated_at",
}  # fmt: skip


@pytest.fixture
def clerk(shop: Flask) -> Client:
    with shop.app_context():
        return log_in(shop, make_user(is_staff=True))


@pytest.fixture
def book(shop: Flask) -> int:
    with shop.app_context():
        return make_book("The Dispossessed", price=1999, stock=7, sku="LG-1", pages=387).id


def tag_of(client: Client, path: str) -> str:
    """Return the ETag of a resource."""
    answer = client.get(path)
    ok(answer)
    return answer.headers["ETag"]


# -- write --------------------------------------------------------------------------------------
def test_staff_makes_a_book_with_everything(shop: Flask, client: Client, clerk: Client) -> None:
    with shop.app_context():
        authors = [make_author("Terry", "Pratchett").id, make_author("Neil", "Gaiman").id]
        shelves = [make_category("Humour").id, make_category("Fantasy").id]
    publisher = ok(clerk.post("/publishers", {"name": "Gollancz"}), 201)
    given = {
        "title": "  Good Omens ", "subtitle": "The Nice and Accurate Prophecies",
        "author_ids": authors, "category_ids": shelves, "publisher_id": publisher["id"],
        "price": "9.5", "isbn": "0-575-04800-X", "sku": "GO-1", "stock": 3, "pages": 288,
        "language": "en", "publication_date": "1990-05-01", "status": "available",
        "weight": 320, "tax_category": "maps",
        "description": "<p>An angel &amp; a demon.</p>", "cover_url": "https://x.example/go.jpg",
    }  # fmt: skip
    answer = clerk.post("/books", given)
    made = ok(answer, 201)
    assert answer.headers["Location"] == f"/api/v2/books/{made['id']}"
    assert set(made) == PUBLIC | {"stock", "sku"}
    expected = {
        "title": "Good Omens", "price": "9.50", "isbn": "9780575048003", "stock": 3, "sku": "GO-1",
        "author": {"id": authors[0], "full_name": "Terry Pratchett"}, "stock_state": "low_stock",
        "publisher": {"id": publisher["id"], "name": "Gollancz"}, "currency": "usd",
        "publication_date": "1990-05-01", "average_rating": None, "review_count": 0,
        "description": "<p>An angel &amp; a demon.</p>", "pages": 288,
        "weight": 320, "tax_category": "maps",
        "cover": dict.fromkeys(("url", "medium_url", "thumbnail_url"), given["cover_url"]),
    }  # fmt: skip
    assert {name: made[name] for name in expected} == expected
    assert [author["id"] for author in made["authors"]] == authors
    assert [shelf["slug"] for shelf in made["categories"]] == ["fantasy", "humour"]
    public = ok(client.get(f"/books/{made['id']}"))
    assert public == {name: made[name] for name in PUBLIC}
    assert ok(clerk.get(f"/books/{made['id']}")) == made


def test_only_staff_writes(shop: Flask, client: Client, book: int) -> None:
    reader, _ = reader_and_clerk(shop)
    body = {"title": "x", "author_id": 1, "price": "1"}
    for asking, status, code in ((client, 401, "unauthenticated"), (reader, 403, "forbidden")):
        problem(asking.post("/books", body), status, code)
        problem(asking.patch(f"/books/{book}", {"price": "0"}, If_Match="*"), status, code)
        problem(asking.delete(f"/books/{book}"), status, code)
    assert ok(client.get(f"/books/{book}"))["price"] == "19.99"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": " "}, "title"), ({"title": "x" * 501}, "title"), ({"price": "-1"}, "price"),
        ({"price": 19.99}, "price"), ({"price": "1.999"}, "price"), ({"price": "1000001"}, "price"),
        ({"price": "1e3"}, "price"), ({"price": "NaN"}, "price"), ({"isbn": "123"}, "isbn"),
        ({"isbn": "97805750480033"}, "isbn"), ({"stock": -1}, "stock"), ({"stock": 1.5}, "stock"),
        ({"stock": True}, "stock"), ({"stock": "3"}, "stock"), ({"author_id": 99}, "author_id"),
        ({"author_id": None}, "author_id"), ({"category_ids": [99]}, "category_ids"),
        ({"publisher_id": 99}, "publisher_id"), ({"pages": 0}, "pages"), ({"weight": -1}, "weight"),
        ({"weight": 100_001}, "weight"), ({"tax_category": "E-books"}, "tax_category"),
        ({"tax_category": ""}, "tax_category"), ({"tax_category": None}, "tax_category"),
        ({"status": ""}, "status"), ({"status": "x"}, "status"),
        ({"cover_url": "javascript:alert(1)"}, "cover_url"), ({"sku": " "}, "sku"),
        ({"cover_url": "https://a@b.example/"}, "cover_url"), ({"sku": "x" * 65}, "sku"),
        ({"publication_date": "1990-02-30"}, "publication_date"), ({"version": 2}, "version"),
        ({"publication_date": "0000-01-01"}, "publication_date"), ({"sold": 2}, "sold"),
    ],
)  # fmt: skip
def test_bad_books_name_the_field(
    shop: Flask, clerk: Client, book: int, changes: dict[str, Any], field: str
) -> None:
    with shop.app_context():
        good = {"title": "x", "author_id": make_author().id, "price": "1"}
    body = problem(clerk.post("/books", {**good, **changes}), 422, "validation_failed")
    assert set(body["errors"]) == {field}
    patched = clerk.patch(f"/books/{book}", changes, If_Match="*")
    assert set(problem(patched, 422, "validation_failed")["errors"]) == {field}


def test_authors_are_given_in_one_way(shop: Flask, clerk: Client, book: int) -> None:
    with shop.app_context():
        author = make_author().id
    base = {"title": "x", "price": "1"}
    for changes, field in (
        ({}, "author_id"),
        ({"author_id": author, "author_ids": [author]}, "author_ids"),
        ({"author_ids": []}, "author_ids"),
        ({"author_ids": [author, 999]}, "author_ids"),
        ({"author_ids": [999]}, "author_ids"),
        ({"author_ids": [str(author)]}, "author_ids.0"),
    ):
        body = problem(clerk.post("/books", {**base, **changes}), 422, "validation_failed")
        assert set(body["errors"]) == {field}
    twice = ok(clerk.post("/books", {**base, "author_ids": [author, author]}), 201)
    assert [person["id"] for person in twice["authors"]] == [author]
    changed = ok(clerk.patch(f"/books/{book}", {"author_id": author}, If_Match="*"))
    assert [person["id"] for person in changed["authors"]] == [author]
    assert changed["author"]["id"] == author


def test_isbn_and_sku_are_unique_but_may_be_missing(shop: Flask, clerk: Client) -> None:
    with shop.app_context():
        author = make_author().id
    base = {"title": "x", "author_id": author, "price": "1"}
    first = ok(clerk.post("/books", {**base, "isbn": "9780575048003", "sku": "A"}), 201)
    same = {**base, "isbn": "0-575-04800-x"}
    problem(clerk.post("/books", same), 409, "isbn_taken")
    problem(clerk.post("/books", {**base, "sku": "A"}), 409, "sku_taken")
    for nothing in ({}, {"isbn": None}, {"isbn": "", "sku": ""}, {"sku": None}):
        assert ok(clerk.post("/books", {**base, **nothing}), 201)["isbn"] is None
    other = ok(clerk.post("/books", {**base, "isbn": "9780441478125"}), 201)
    path = f"/books/{other['id']}"
    problem(clerk.patch(path, {"isbn": "9780575048003"}, If_Match="*"), 409, "isbn_taken")
    problem(clerk.patch(path, {"sku": "A"}, If_Match="*"), 409, "sku_taken")
    assert ok(clerk.patch(path, {"isbn": "9780441478125"}, If_Match="*"))["id"] == other["id"]
    assert ok(clerk.patch(path, {"isbn": None}, If_Match="*"))["isbn"] is None
    ok(clerk.patch(f"/books/{first['id']}", {"isbn": "9780441478125"}, If_Match="*"))


DIRTY = [
    ("<script>alert(1)</script>ok", "ok"),
    ('<p onclick="x()">a</p>', "<p>a</p>"),
    ("<img src=x onerror=alert(1)>", ""),
    ("<b>bold</b> & <i>more", "<b>bold</b> &amp; <i>more</i>"),
    ("<style>*{}</style><iframe src=//x></iframe>", ""),
    ("1 < 2 > 1", "1 &lt; 2 &gt; 1"),
    ("plain", "plain"),
]


@pytest.mark.parametrize(("given", "kept"), DIRTY)
def test_descriptions_are_sanitised(clerk: Client, book: int, given: str, kept: str) -> None:
    changed = ok(clerk.patch(f"/books/{book}", {"description": given}, If_Match="*"))
    assert changed["description"] == kept
    again = ok(clerk.patch(f"/books/{book}", {"description": kept}, If_Match="*"))
    assert again["description"] == kept


def test_links_in_descriptions_lead_to_the_web_only(clerk: Client, book: int) -> None:
    for address in ("javascript:alert(1)", "JaVaScRiPt:x", "java\tscript:x", "data:text/html,x"):
        text = f'<a href="{address}" target="x">a</a>'
        changed = ok(clerk.patch(f"/books/{book}", {"description": text}, If_Match="*"))
        assert "href" not in changed["description"]
        assert "target" not in changed["description"]
    good = '<a href="https://x.example/">a</a>'
    changed = ok(clerk.patch(f"/books/{book}", {"description": good}, If_Match="*"))
    assert 'href="https://x.example/"' in changed["description"]


# -- conditional --------------------------------------------------------------------------------
def test_if_none_match(client: Client, clerk: Client, book: int) -> None:
    for path in (
        f"/books/{book}",
        "/books",
        "/books/bestsellers",
        "/authors",
        f"/books/{book}/reviews",
    ):
        for asking in (client, clerk):
            tag = tag_of(asking, path)
            assert tag.startswith('"')
            same = asking.get(path, If_None_Match=f'"x", {tag}')
            assert same.status_code == 304
            assert same.data == b""
            assert same.headers["ETag"] == tag
            assert asking.get(path, If_None_Match='"x"').status_code == 200
            assert asking.get(path, If_None_Match="*").status_code == 304
            for match in (tag, "*", f'"x", {tag}'):
                ok(asking.get(path, If_Match=match))
            problem(asking.get(path, If_Match='"x"'), 412, "precondition_failed")


def test_if_match(client: Client, clerk: Client, book: int) -> None:
    path = f"/books/{book}"
    tag = tag_of(clerk, path)
    problem(clerk.patch(path, {"title": "x"}), 428, "precondition_required")
    problem(clerk.patch(path, {"title": "x"}, If_Match=""), 428, "precondition_required")
    for stale in ('"x"', "x", f"W/{tag}", '"v9.x"', '"v99999999999999999999.x"', '"v².x"', '""'):
        problem(clerk.patch(path, {"title": "x"}, If_Match=stale), 412, "precondition_failed")
    answer = clerk.patch(path, {"title": "One"}, If_Match=tag)
    assert ok(answer)["title"] == "One"
    newer = answer.headers["ETag"]
    assert newer == tag_of(clerk, path) != tag
    problem(clerk.patch(path, {"title": "Two"}, If_Match=tag), 412, "precondition_failed")
    problem(clerk.delete(path, If_Match=tag), 412, "precondition_failed")
    ok(clerk.patch(path, {"title": "Three"}, If_Match=f'"other", {newer}'))
    ok(clerk.patch(path, {"title": "Four"}, If_Match="*"))
    # What the public reads names the same version.
    ok(clerk.patch(path, {"title": "Five"}, If_Match=tag_of(client, path)))
    assert clerk.delete(path, If_Match=tag_of(clerk, path)).status_code == 204
    problem(clerk.patch(path, {"title": "x"}, If_Match="*"), 404, "not_found")


def test_a_sale_makes_a_count_of_the_stock_stale_and_nothing_else(
    shop: Flask, clerk: Client, book: int
) -> None:
    reader, _ = reader_and_clerk(shop)
    path = f"/books/{book}"
    tag = tag_of(clerk, path)
    ok(reader.post("/cart/items", {"book_id": book, "quantity": 2}), 201)
    ok(reader.post("/orders", {"shipping_address": ADDRESS}), 201)
    problem(clerk.patch(path, {"stock": 7}, If_Match=tag), 412, "precondition_failed")
    assert ok(clerk.get(path))["stock"] == 5
    ok(clerk.patch(path, {"title": "Another title"}, If_Match=tag))
    assert ok(clerk.patch(path, {"stock": 9}, If_Match=tag_of(clerk, path)))["stock"] == 9


# -- delete -------------------------------------------------------------------------------------
def test_a_book_that_was_ordered_stays(shop: Flask, client: Client, clerk: Client) -> None:
    reader, _ = reader_and_clerk(shop)
    with shop.app_context():
        sold, free = make_book(), make_book()
    ok(reader.post("/cart/items", {"book_id": sold.id}), 201)
    ok(reader.post("/orders", {"shipping_address": ADDRESS}), 201)
    problem(clerk.delete(f"/books/{sold.id}"), 409, "book_in_orders")
    ok(reader.post("/cart/items", {"book_id": free.id}), 201)
    ok(reader.post("/wishlist/items", {"book_id": free.id}), 201)
    ok(reader.post(f"/books/{free.id}/reviews", {"rating": 5}), 201)
    assert clerk.delete(f"/books/{free.id}").status_code == 204
    assert ok(reader.get("/cart"))["items"] == ok(reader.get("/wishlist"))["items"] == []
    for asking in (client, clerk):
        problem(asking.get(f"/books/{free.id}"), 404, "not_found")
        problem(asking.get(f"/books/{free.id}/reviews"), 404, "not_found")
    assert [b["id"] for b in ok(client.get("/books?q=book"))["data"]] == [sold.id]
