"""Reviews: one a reader and book; the rating follows every change."""

from typing import Any

import pytest
from flask import Flask

from tests.clients import Client, at_once, ok, problem
from tests.factories import log_in, make_book, make_user, reader_and_clerk


@pytest.fixture
def book(shop: Flask) -> int:
    with shop.app_context():
        return make_book().id


def rating(client: Client, book: int) -> tuple[float | None, int]:
    """Return what the book's page says."""
    body = ok(client.get(f"/books/{book}"))
    return body["average_rating"], body["review_count"]


def test_the_average_follows_every_change(shop: Flask, client: Client, book: int) -> None:
    ann, clerk = reader_and_clerk(shop)
    with shop.app_context():
        bob, eve = log_in(shop, make_user("bob")), log_in(shop, make_user("eve"))
    path = f"/books/{book}/reviews"
    before = ok(client.get(f"/books/{book}"))
    assert rating(client, book) == (None, 0)
    answer = ann.post(path, {"rating": 5, "title": " Fine ", "comment": "<b>Read</b> it."})
    first = ok(answer, 201)
    assert set(first) == {
        "id", "book_id", "user", "rating", "title", "comment", "created_at", "updated_at"
    }  # fmt: skip
    assert (first["title"], first["comment"], first["book_id"]) == ("Fine", "<b>Read</b> it.", book)
    second = ok(bob.post(path, {"rating": 2}), 201)
    assert second["user"] == "bob"
    ok(eve.post(path, {"rating": 3}), 201)
    assert rating(client, book) == (3.33, 3)
    changed = ok(bob.patch(f"{path}/{second['id']}", {"rating": 4, "comment": "Better."}))
    assert (changed["rating"], changed["comment"]) == (4, "Better.")
    assert rating(client, book) == (4.0, 3)
    ok(bob.patch(f"{path}/{second['id']}", {"title": "Only words"}))
    assert rating(client, book) == (4.0, 3)
    assert ann.delete(f"{path}/{first['id']}").status_code == 204
    assert rating(client, book) == (3.5, 2)
    assert clerk.delete(f"{path}/{second['id']}").status_code == 204
    assert rating(client, book) == (3.0, 1)
    after = ok(client.get(f"/books/{book}"))
    # Not an edit of the book.
    assert after["updated_at"] == before["updated_at"]
    ok(ann.post(path, {"rating": 1}), 201)
    assert rating(client, book) == (2.0, 2)


def test_one_each_also_at_once(shop: Flask, client: Client, book: int) -> None:
    ann, _ = reader_and_clerk(shop)
    path = f"/books/{book}/reviews"

    def post() -> int:
        return Client(shop, ann.headers).post(path, {"rating": 4}).status_code

    assert sorted(at_once([post] * 6)) == [201, 409, 409, 409, 409, 409]
    problem(ann.post(path, {"rating": 1}), 409, "already_reviewed")
    assert rating(client, book) == (4.0, 1)


def test_parallel_changes_of_one_review_add_up(shop: Flask, client: Client, book: int) -> None:
    ann, _ = reader_and_clerk(shop)
    path = f"/books/{book}/reviews"
    mine = ok(ann.post(path, {"rating": 1}), 201)["id"]

    def change(stars: int) -> int:
        return Client(shop, ann.headers).patch(f"{path}/{mine}", {"rating": stars}).status_code

    assert at_once([lambda n=n: change(1 + n % 5) for n in range(10)]) == [200] * 10
    shown = ok(client.get(path))["data"][0]["rating"]
    assert rating(client, book) == (float(shown), 1)

    def remove() -> int:
        return Client(shop, ann.headers).delete(f"{path}/{mine}").status_code

    assert sorted(at_once([remove] * 4)) == [204, 404, 404, 404]
    assert rating(client, book) == (None, 0)


def test_only_ones_own(shop: Flask, client: Client, book: int) -> None:
    ann, clerk = reader_and_clerk(shop)
    with shop.app_context():
        bob, other = log_in(shop, make_user("bob")), make_book().id
    mine = ok(ann.post(f"/books/{book}/reviews", {"rating": 5}), 201)["id"]
    path = f"/books/{book}/reviews/{mine}"
    problem(bob.patch(path, {"rating": 1}), 404, "not_found")
    problem(bob.delete(path), 404, "not_found")
    problem(clerk.patch(path, {"rating": 1}), 404, "not_found")
    problem(ann.patch(f"/books/{other}/reviews/{mine}", {"rating": 1}), 404, "not_found")
    problem(ann.delete(f"/books/{other}/reviews/{mine}"), 404, "not_found")
    for call in (client.patch(path, {"rating": 1}), client.delete(path)):
        problem(call, 401, "unauthenticated")
    problem(client.post(f"/books/{book}/reviews", {"rating": 1}), 401, "unauthenticated")
    assert rating(client, book) == (5.0, 1)
    problem(ann.post("/books/999999/reviews", {"rating": 1}), 404, "not_found")
    problem(client.get("/books/999999/reviews"), 404, "not_found")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rating": 0}, "rating"), ({"rating": 6}, "rating"), ({"rating": 4.5}, "rating"),
        ({"rating": "5"}, "rating"), ({"rating": None}, "rating"), ({"rating": True}, "rating"),
        ({"title": "x" * 201}, "title"), ({"comment": "x" * 10_001}, "comment"),
        ({"comment": "\0"}, "comment"), ({"user": "bob"}, "user"), ({"book_id": 1}, "book_id"),
    ],
)  # fmt: skip
def test_bad_reviews_name_the_field(
    shop: Flask, book: int, changes: dict[str, Any], field: str
) -> None:
    ann, _ = reader_and_clerk(shop)
    path = f"/books/{book}/reviews"
    body = problem(ann.post(path, {"rating": 3, **changes}), 422, "validation_failed")
    assert set(body["errors"]) == {field}
    mine = ok(ann.post(path, {"rating": 3}), 201)["id"]
    body = problem(ann.patch(f"{path}/{mine}", changes), 422, "validation_failed")
    assert set(body["errors"]) == {field}
    assert set(problem(ann.post(path, {}), 422, "validation_failed")["errors"]) == {"rating"}


def test_pages_newest_first(shop: Flask, client: Client, book: int) -> None:
    with shop.app_context():
        readers = [log_in(shop, make_user()) for _ in range(7)]
    path = f"/books/{book}/reviews"
    ids = [ok(one.post(path, {"rating": 3}), 201)["id"] for one in readers[:6]]
    found: list[int] = []
    cursor = ""
    for _ in range(3):
        body = ok(client.get(f"{path}?limit=2&count=true{cursor}"))
        found += [row["id"] for row in body["data"]]
        cursor = f"&cursor={body['next_cursor']}"
        if len(found) == 2:
            ok(readers[6].post(path, {"rating": 1}), 201)
    assert found == ids[::-1]
    assert body["next_cursor"] is None
    assert body["total"] == 7
    assert ok(client.get(path + "?limit=100"))["next_cursor"] is None
    bad = problem(client.get(path + "?cursor=x"), 422, "validation_failed")
    assert set(bad["errors"]) == {"cursor"}


def test_a_reader_who_left_has_no_name(shop: Flask, client: Client, book: int) -> None:
    with shop.app_context():
        bob = log_in(shop, make_user("bob"))
    ok(bob.post(f"/books/{book}/reviews", {"rating": 3}), 201)
    assert bob.delete("/me").status_code == 204
    (review,) = ok(client.get(f"/books/{book}/reviews"))["data"]
    assert "bob" not in review["user"]
