"""Smaller answers: for those who can read them, and never the wrong ones."""

import gzip
import json

import brotli
import pytest
from flask import Flask

from tests.clients import Client, ok
from tests.factories import make_book, new_book, reader_and_clerk


@pytest.fixture
def listed(shop: Flask) -> Client:
    with shop.app_context():
        for n in range(20):
            make_book(f"A book with a title of the usual length, volume {n}", isbn=None)
    return Client(shop)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0.5, gzip;q=1", "gzip"),
        ("gzip", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
        ("deflate", None),
        ("", None),
    ],
)
def test_the_encoding_is_one_the_client_reads(
    listed: Client, accepted: str, encoding: str | None
) -> None:
    plain = listed.get("/books").data
    answer = listed.get("/books", Accept_Encoding=accepted)
    assert answer.headers.get("Content-Encoding") == encoding
    assert "Accept-Encoding" in answer.headers["Vary"]
    reads = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}
    assert reads[encoding](answer.data) == plain
    assert answer.content_length == len(answer.data)
    if encoding:
        assert len(answer.data) < len(plain) / 4


def test_each_encoding_has_a_tag_of_its_own(listed: Client) -> None:
    tags = {}
    for encoding in ("br", "gzip", "identity"):
        tag = listed.get("/books", Accept_Encoding=encoding).headers["ETag"]
        same = listed.get("/books", Accept_Encoding=encoding, If_None_Match=tag)
        assert same.status_code == 304
        assert same.headers["ETag"] == tag
        assert "Content-Encoding" not in same.headers
        assert same.data == b""
        tags[encoding] = tag
    assert len(set(tags.values())) == 3
    other = listed.get("/books", Accept_Encoding="br", If_None_Match=tags["gzip"])
    assert other.status_code == 200


def test_a_compressed_books_tag_changes_the_book(shop: Flask) -> None:
    book_id = new_book(shop, description="long " * 400)
    _, clerk = reader_and_clerk(shop)
    answer = clerk.get(f"/books/{book_id}", Accept_Encoding="br")
    assert answer.headers["Content-Encoding"] == "br"
    tag = answer.headers["ETag"]
    changed = clerk.patch(f"/books/{book_id}", {"stock": 7}, If_Match=tag)
    assert ok(changed)["stock"] == 7
    assert clerk.patch(f"/books/{book_id}", {"stock": 8}, If_Match=tag).status_code == 412


def test_what_is_short_goes_as_it_is(shop: Flask) -> None:
    answer = Client(shop).get("/healthz", Accept_Encoding="br, gzip")
    assert "Content-Encoding" not in answer.headers


def test_head_tells_what_get_would_send(listed: Client) -> None:
    head = listed.call("HEAD", "/books", Accept_Encoding="gzip")
    get = listed.get("/books", Accept_Encoding="gzip")
    assert head.data == b""
    for name in ("Content-Encoding", "Content-Length", "ETag"):
        assert head.headers[name] == get.headers[name]


def test_other_doors_compress_too(listed: Client) -> None:
    for path in ("/api/v1/books/", "/api/v2/openapi.json"):
        answer = listed.get(path, Accept_Encoding="gzip")
        assert json.loads(gzip.decompress(answer.data))
    query = {"query": "{ allBooks { id title author { fullName } } }"}
    answer = listed.post("/graphql/", query, Accept_Encoding="br")
    assert len(json.loads(brotli.decompress(answer.data))["data"]["allBooks"]) == 20


def test_twenty_books_on_a_small_screen_are_below_four_kilobytes(listed: Client) -> None:
    answer = listed.get("/books?view=mobile&limit=20")
    books = ok(answer)["data"]
    assert len(books) == 20
    assert set(books[0]) == {
        "id",
        "title",
        "author_name",
        "thumbnail",
        "price",
        "average_rating",
    }
    assert len(answer.data) < 4096
    assert len(listed.get("/books?view=mobile&limit=20", Accept_Encoding="br").data) < 1024
