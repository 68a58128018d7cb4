"""Covers as staff sends them and as readers see them."""

import csv
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import bookstore
from bookstore.gateways import queue
from bookstore.jobs import make_cover
from bookstore.services import catalog_cache
from tests.clients import Client, at_once, ok, problem
from tests.factories import make_book, new_book, reader_and_clerk
from tests.pictures import picture
from tests.services import covering


@pytest.fixture(autouse=True)
def changed(shop: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Change settings of the shop; its data folder is the test's own."""

    def change(**settings: Any) -> None:
        present = replace(shop.config["SETTINGS"], **settings)
        monkeypatch.setitem(shop.config, "SETTINGS", present)

    change(bookstore_home=tmp_path)
    return change


@pytest.fixture
def book_id(shop: Flask) -> int:
    return new_book(shop)


@pytest.fixture
def clients(shop: Flask) -> tuple[Client, Client]:
    return reader_and_clerk(shop)


def put(shop: Flask, book_id: int, data: bytes | None = None) -> str:
    with shop.app_context():
        return covering.put(book_id, data)


def give_cover(shop: Flask, book_id: int) -> None:
    with shop.app_context():
        make_cover(covering.uploaded(book_id))


def complete(client: Client, book_id: int, key: str) -> Any:
    return client.post(f"/books/{book_id}/cover/complete", {"key": key})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content_type": "image/png"},
        {"size": 5},
        {"content_type": "image/gif", "size": 5},
        {"content_type": "image/svg+xml", "size": 5},
        {"content_type": "image/png", "size": 0},
        {"content_type": "image/png", "size": 10 * 1024 * 1024 + 1},
        {"content_type": "image/png", "size": "5"},
        {"content_type": "image/png", "size": 5, "key": "mine"},
    ],
)
def test_what_no_form_is_given_for(clients: tuple[Client, Client], book_id: int, body: Any) -> None:
    problem(clients[1].post(f"/books/{book_id}/cover", body), 422, "validation_failed")


def test_it_is_for_staff(shop: Flask, clients: tuple[Client, Client], book_id: int) -> None:
    key = put(shop, book_id)
    wanted = {"content_type": "image/png", "size": 5}
    for client, status, code in (
        (Client(shop), 401, "unauthenticated"),
        (clients[0], 403, "forbidden"),
    ):
        problem(client.post(f"/books/{book_id}/cover", wanted), status, code)
        problem(complete(client, book_id, key), status, code)
        problem(client.get(f"/books/{book_id}/cover"), status, code)


def test_books_that_there_are_not(clients: tuple[Client, Client]) -> None:
    clerk = clients[1]
    wanted = {"content_type": "image/png", "size": 5}
    problem(clerk.post("/books/99/cover", wanted), 404, "not_found")
    problem(complete(clerk, 99, f"incoming/99/{'a' * 24}"), 404, "not_found")
    problem(clerk.get("/books/99/cover"), 404, "not_found")


def test_keys_of_others(shop: Flask, clients: tuple[Client, Client], book_id: int) -> None:
    other = new_book(shop)
    key = put(shop, other)
    for wrong in (
        key,
        "",
        f"incoming/{book_id}/../{other}/{key[-24:]}",
        f"covers/{'a' * 26}.webp",
        f"incoming/{book_id}/short",
        f"incoming/{book_id}/{'a' * 24}\n",
    ):
        told = problem(complete(clients[1], book_id, wrong), 422, "validation_failed")
        assert list(told["errors"]) == ["key"]
    nothing = complete(clients[1], book_id, f"incoming/{book_id}/{'a' * 24}")
    problem(nothing, 409, "cover_not_uploaded")


def test_saying_it_twice_is_saying_it_once(
    shop: Flask, clients: tuple[Client, Client], book_id: int
) -> None:
    key = put(shop, book_id)
    first, second = (ok(complete(clients[1], book_id, key), 202) for _ in range(2))
    assert first == second
    with shop.app_context():
        make_cover(1)
    # The file is gone by now; what became of it is known.
    assert ok(complete(clients[1], book_id, key), 202)["upload"]["status"] == "succeeded"
    assert ok(clients[1].get(f"/books/{book_id}/cover"))["upload"]["key"] == key


def test_said_by_many_at_once(shop: Flask, clients: tuple[Client, Client], book_id: int) -> None:
    key = put(shop, book_id)
    answers = at_once([lambda: complete(clients[1], book_id, key) for _ in range(8)], 8)
    assert {answer.status_code for answer in answers} == {202}
    with shop.app_context():
        assert covering.row(key=key).id == 1
        make_cover(1)
        assert covering.changes(book_id) == 1
        assert queue.depths()["jobs"] == 8  # seven find nothing to do


def test_a_book_without_any(clients: tuple[Client, Client], book_id: int) -> None:
    assert ok(clients[1].get(f"/books/{book_id}/cover")) == {"cover": None, "upload": None}


def test_readers_see_it_at_once(shop: Flask, clients: tuple[Client, Client], book_id: int) -> None:
    reader = clients[0]
    before = reader.get(f"/books/{book_id}")
    ok(reader.get("/books"))
    give_cover(shop, book_id)
    after = reader.get(f"/books/{book_id}", If_None_Match=before.headers["ETag"])
    cover = ok(after)["cover"]
    assert after.headers["ETag"] != before.headers["ETag"]
    assert ok(after)["updated_at"] > before.json["updated_at"]
    assert ok(reader.get("/books"))["data"][0]["cover"] == cover
    # Nothing in it runs out, so an answer that was kept stays good.
    tag = after.headers["ETag"]
    assert reader.get(f"/books/{book_id}", If_None_Match=tag).status_code == 304
    one = ok(reader.get(f"/api/v1/books/{book_id}/"))
    assert one["cover_image"] == cover["url"]
    query = {"query": f"{{ book(id: {book_id}) {{ cover {{ url mediumUrl thumbnailUrl }} }} }}"}
    shown = ok(reader.post("/graphql/", query))["data"]["book"]["cover"]
    assert list(shown.values()) == [cover[k] for k in ("url", "medium_url", "thumbnail_url")]
    line = ok(reader.post("/cart/items", {"book_id": book_id}), 201)["items"][0]
    assert line["book"]["cover"] == cover


def test_its_address(
    shop: Flask, clients: tuple[Client, Client], book_id: int, changed: Any
) -> None:
    reader = clients[0]
    changed(public_url="https://books.example.com/")
    give_cover(shop, book_id)
    cover = ok(reader.get(f"/books/{book_id}?fields=cover"))["cover"]
    for url in cover.values():
        assert url.startswith("https://books.example.com/covers/")
    path = cover["url"].removeprefix("https://books.example.com")
    led = reader.http.get(path)
    assert led.status_code == 302
    assert led.headers["Cache-Control"] == "public, max-age=1800"
    assert led.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    with reader.http.get(led.headers["Location"]) as file:
        assert file.status_code == 200
    for wrong in ("short", "A" * 26, "1" * 26, "..%2f..%2fsecret", f"{'a' * 26}x"):
        problem(reader.http.get(f"/covers/{wrong}.webp"), 404, "not_found")
    changed(cdn_base_url="https://cdn.example.com/shop/")
    with shop.app_context():
        # What is ready in the cache was made with the old settings; a start makes it stale.
        catalog_cache.clear()
    cover = ok(reader.get(f"/books/{book_id}"))["cover"]
    assert cover["url"] == f"https://cdn.example.com/shop{path}"


def test_a_url_that_staff_names_takes_its_place(
    shop: Flask, clients: tuple[Client, Client], book_id: int
) -> None:
    reader, clerk = clients
    elsewhere = "https://x.example/1.jpg"
    ok(clerk.patch(f"/books/{book_id}", {"cover_url": elsewhere}, If_Match="*"))
    assert ok(reader.get(f"/books/{book_id}"))["cover"]["thumbnail_url"] == elsewhere
    give_cover(shop, book_id)
    cover = ok(reader.get(f"/books/{book_id}"))["cover"]
    assert "/covers/" in cover["url"]
    # Sent back by a client that writes what it has read.
    for body in ({"cover_url": cover["url"]}, {"title": "Another"}):
        ok(clerk.patch(f"/books/{book_id}", body, If_Match="*"))
        assert ok(reader.get(f"/books/{book_id}"))["cover"] == cover
    ok(clerk.patch(f"/api/v1/books/{book_id}/", {"cover_image": cover["url"]}))
    assert ok(reader.get(f"/books/{book_id}"))["cover"] == cover
    ok(clerk.patch(f"/books/{book_id}", {"cover_url": None}, If_Match="*"))
    assert ok(reader.get(f"/books/{book_id}"))["cover"] is None


def test_the_store_is_away(
    shop: Flask, clients: tuple[Client, Client], book_id: int, changed: Any, tmp_path: Path
) -> None:
    key = put(shop, book_id)
    changed(s3_bucket="shop-covers", s3_endpoint_url="http://127.0.0.1:9")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        answer = complete(clients[1], book_id, key)
        problem(answer, 503, "storage_unavailable")
        assert answer.headers["Retry-After"]
        # Reading the catalogue asks no store.
        ok(clients[0].get(f"/books/{book_id}"))


def test_twenty_with_covers_on_a_small_screen_are_below_four_kilobytes(
    shop: Flask, changed: Any
) -> None:
    changed(public_url="https://books.example.com")
    with (Path(bookstore.__file__).parent / "data/sample_catalogue.csv").open() as sample:
        titles = [row["title"] for row in islice(csv.DictReader(sample), 20)]
    with shop.app_context():
        for title in titles:
            make_cover(covering.uploaded(make_book(title, isbn=None).id, picture(size=(2, 3))))
    answer = Client(shop).get("/books?view=mobile&limit=20")
    assert all(book["thumbnail"] for book in ok(answer)["data"])
    assert len(answer.data) < 4096
