"""The whole way of a cover, over HTTP, on both databases and both stores."""

from typing import Any

import pytest
import requests
from flask import Flask

from bookstore.jobs import make_cover
from bookstore.services import maintenance
from tests.factories import make_book, make_clerk
from tests.pictures import decoded, picture
from tests.storage.conftest import Kept


@pytest.fixture
def clerk(shop: Flask, kept: Kept) -> Any:
    token = make_clerk(shop)

    def call(method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{kept.url}/api/v2{path}"
        return requests.request(method, url, json=body, headers=headers, timeout=20)

    return call


def test_the_whole_way(kept: Kept, clerk: Any) -> None:
    book_id, data = make_book().id, picture("JPEG", (1200, 1800))
    wanted = {"content_type": "image/jpeg", "size": len(data)}
    offer = clerk("POST", f"/books/{book_id}/cover", wanted)
    assert offer.status_code == 201
    form, key = offer.json()["upload"], {"key": offer.json()["key"]}
    early = clerk("POST", f"/books/{book_id}/cover/complete", key)
    assert (early.status_code, early.json()["code"]) == (409, "cover_not_uploaded")
    file = {"file": ("cover.jpg", data)}
    sent = requests.request(
        form["method"], form["url"], data=form["fields"], files=file, timeout=20
    )
    assert sent.status_code == 204
    done = clerk("POST", f"/books/{book_id}/cover/complete", key)
    assert (done.status_code, done.json()["upload"]["status"]) == (202, "pending")
    make_cover(1)
    state = requests.get(
        f"{kept.url}{done.headers['Location']}", headers=done.request.headers, timeout=20
    ).json()
    assert state["upload"]["status"] == "succeeded"
    book = requests.get(f"{kept.url}/api/v2/books/{book_id}", timeout=20).json()
    assert book["cover"] == state["cover"]
    sizes = []
    for url in book["cover"].values():
        shown = requests.get(url, timeout=20)
        assert [one.status_code for one in (*shown.history, shown)] == [302, 200]
        assert shown.headers["Content-Type"] == "image/webp"
        assert "immutable" in shown.headers["Cache-Control"]
        sizes.append(decoded(shown.content).size)
    assert sizes == [(1000, 1500), (480, 720), (200, 300)]
    # What was sent is kept no longer, and is nobody's to read.
    assert kept.store.size(key["key"]) is None


def test_clean_up_asks_the_store(kept: Kept) -> None:
    key = f"incoming/1/{'x' * 24}"
    kept.store.put(key, b"young", "image/png")
    assert maintenance.run()["covers never completed"] == 0
    assert kept.store.size(key) == 5
    kept.store.delete(key)
