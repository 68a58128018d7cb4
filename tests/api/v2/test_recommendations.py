"""/books/{id}/recommendations and /me/recommendations over HTTP."""

import pytest
from flask import Flask

from bookstore.jobs import run_job
from bookstore.services.actors import SYSTEM
from bookstore.services.recommending import fitting
from tests.clients import Client, ok, problem, statements
from tests.factories import log_in, make_user, reader_and_clerk
from tests.recommending import buy, make_books


@pytest.fixture
def fitted(shop: Flask) -> list[int]:
    """Twelve books, of which the first was bought with the second, and that is known."""
    with shop.app_context():
        books = make_books(12)
        for _ in range(2):
            buy(make_user(), *books[:2])
        fitting.fit(SYSTEM, "counts")
    return books


def ids(client: Client, path: str) -> list[int]:
    return [book["id"] for book in ok(client.get(path))["data"]]


def test_beside_a_book(client: Client, fitted: list[int]) -> None:
    path = f"/books/{fitted[0]}/recommendations"
    answer = client.get(path)
    found = ok(answer)["data"]
    assert found[0] == ok(client.get(f"/books/{fitted[1]}"))
    assert len(found) == 10
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert "RateLimit-Policy" in answer.headers
    assert client.get(path, If_None_Match=answer.headers["ETag"]).status_code == 304
    with statements(client.app) as asked:
        assert client.get(path).data == answer.data
    assert asked == []


def test_no_such_book(client: Client) -> None:
    problem(client.get("/books/1/recommendations"), 404, "not_found")
    problem(client.get("/books/0/recommendations"), 404, "not_found")
    problem(client.get("/books/1/recommendations?limit=5"), 422, "validation_failed")


def test_what_sells_out_goes_at_once(shop: Flask, client: Client, fitted: list[int]) -> None:
    path = f"/books/{fitted[0]}/recommendations"
    assert ids(client, path)[0] == fitted[1]
    with shop.app_context():
        reader = make_user()
    buyer = log_in(shop, reader)
    ok(buyer.post("/cart/items", {"book_id": fitted[1], "quantity": 8}), 201)
    with shop.app_context():
        buy(reader)
    assert fitted[1] not in ids(client, path)


def test_a_reader_sees_none_that_they_have(shop: Flask, client: Client, fitted: list[int]) -> None:
    with shop.app_context():
        reader = make_user()
        buy(reader, fitted[1])
    mine = log_in(shop, reader)
    path = f"/books/{fitted[0]}/recommendations"
    for _ in range(2):  # nor does one get what is kept for the other
        assert fitted[1] not in ids(mine, path)
        assert ids(client, path)[0] == fitted[1]
    answer = mine.get(path)
    assert answer.headers["Cache-Control"] == "private, no-store"
    found = ids(mine, "/me/recommendations")
    assert found[0] == fitted[0]
    assert fitted[1] not in found
    answer = mine.get("/me/recommendations")
    again = mine.get("/me/recommendations", If_None_Match=answer.headers["ETag"])
    assert again.status_code == 304
    problem(client.get("/me/recommendations"), 401, "unauthenticated")


def test_staff_has_them_found_out(shop: Flask) -> None:
    reader, clerk = reader_and_clerk(shop)
    path = "/recommendations/fits"
    problem(reader.post(path), 403, "forbidden")
    answer = clerk.post(path, Idempotency_Key="once")
    job = ok(answer, 202)["job"]
    assert answer.headers["Location"] == f"/api/v2/jobs/{job['id']}"
    assert (job["kind"], job["progress"]) == ("recommendations.fit", {"done": 0, "total": 4})
    assert ok(clerk.post(path, Idempotency_Key="once"), 202)["job"] == job
    problem(clerk.post(path), 409, "fit_running")
    with shop.app_context():
        run_job(job["id"])
    found = ok(clerk.get(answer.headers["Location"]))
    assert (found["status"], found["result"]["books"]) == ("succeeded", 0)
    problem(reader.get(answer.headers["Location"]), 404, "not_found")
