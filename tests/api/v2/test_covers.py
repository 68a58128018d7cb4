"""A cover's way: a form, the file, the word that it is there, the thumbnails."""

import io
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from bookstore.jobs import make_cover
from tests.clients import Client, ok, problem
from tests.factories import new_book, reader_and_clerk
from tests.pictures import decoded, picture


def send(client: Client, form: dict[str, Any], data: bytes, **changes: str) -> TestResponse:
    fields = {**form["fields"], **changes}
    return client.http.post(form["url"], data={**fields, "file": (io.BytesIO(data), "a.jpg")})


def test_the_whole_way(shop: Flask) -> None:
    book_id, data = new_book(shop), picture()
    reader, clerk = reader_and_clerk(shop)
    wanted = {"content_type": "image/jpeg", "size": len(data)}
    offer = ok(clerk.post(f"/books/{book_id}/cover", wanted), 201)
    key = {"key": offer["key"]}
    problem(clerk.post(f"/books/{book_id}/cover/complete", key), 409, "cover_not_uploaded")
    assert send(reader, offer["upload"], data).status_code == 204
    answer = clerk.post(f"/books/{book_id}/cover/complete", key)
    assert ok(answer, 202)["upload"]["status"] == "pending"
    with shop.app_context():
        make_cover(1)
    state = ok(clerk.get(answer.headers["Location"]))
    assert state["upload"]["status"] == "succeeded"
    cover = ok(reader.get(f"/books/{book_id}"))["cover"]
    assert state["cover"] == cover
    assert ok(reader.get(f"/books/{book_id}?view=mobile"))["thumbnail"] == cover["thumbnail_url"]
    sizes = []
    for url in cover.values():
        led = reader.http.get(url)
        assert led.status_code == 302
        with reader.http.get(led.headers["Location"]) as shown:
            assert shown.content_type == "image/webp"
            sizes.append(decoded(shown.data).size)
    assert sizes == [(600, 900), (480, 720), (200, 300)]
