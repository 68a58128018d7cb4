"""Which version a request gets, and what a deprecated one says of itself."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from bookstore.blueprints import VERSIONS
from bookstore.blueprints.versioning import asked_for
from tests.clients import Client, ok, problem
from tests.factories import new_book, reader_and_clerk

V1, V2 = "v1", "v2"


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        ("", V2),
        ("*/*", V2),
        ("application/json", V2),
        ("text/html,application/xhtml+xml,*/*;q=0.8", V2),
        ("text/csv", V2),
        ("application/json; version=v1", V1),
        ("application/json;version=v2", V2),
        ('application/json; version="v1"', V1),
        ("application/json; version=1", V1),
        ("application/vnd.bookstore.v1+json", V1),
        ("application/vnd.bookstore.v2+json", V2),
        ("APPLICATION/VND.BOOKSTORE.V1+JSON", V1),
        ("application/json; charset=utf-8; version=v1", V1),
        ("application/json; version=v1, application/json; version=v2;q=0.5", V1),
        ("application/json; version=v1;q=0.5, application/json; version=v2", V2),
        ("application/json; version=v9, application/json; version=v1;q=0.1", V1),
        ("application/json; version=v9, */*;q=0.1", V2),
        ("application/json; version=v9", None),
        ("application/json; version=v3", None),
        ("application/json; version=2.0", None),
        ("application/json; version=", V2),
        ("application/vnd.bookstore.v9+json", None),
        ("application/vnd.bookstore.latest+json", None),
        ("application/json; version=v1;q=0", None),
        ("application/json; VERSION=V1", V1),
        ("application/json; version='v1'", None),
        (",,;;=", V2),
        ("é", V2),
        ("application/json; version=" + "v" * 5000, None),
    ],
)
def test_what_accept_asks_for(accept: str, version: str | None) -> None:
    assert asked_for(accept, [V1, V2], V2) == version


def version_of(answer: TestResponse) -> str:
    """Tell the version by the shape of a list."""
    return V1 if "results" in ok(answer) else V2


@pytest.mark.parametrize("database", ["sqlite"])
class TestRouting:
    def test_paths_and_accept(self, client: Client) -> None:
        by = {"Accept": "application/json; version=v1"}
        for path in ("/api/books", "/api/books/"):
            assert version_of(client.get(path)) == V2
            assert version_of(client.get(path, **by)) == V1
        assert version_of(client.get("/api/v1/books/")) == V1
        # The path goes before the header.
        assert version_of(client.get("/api/v2/books", **by)) == V2
        assert version_of(client.get("/api/v2/books", Accept="application/json; version=v9")) == V2

    def test_an_unknown_one_is_a_406(self, client: Client) -> None:
        for path in ("/api/books", "/api/nothing", "/api/"):
            answer = client.get(path, Accept="application/json; version=v9")
            body = problem(answer, 406, "not_acceptable")
            assert "v1, v2" in body["detail"]
            assert body["instance"] == path
            assert "Accept" in answer.headers["Vary"]

    def test_caches_are_told(self, client: Client) -> None:
        for path, negotiated in (
            ("/api/books", True),
            ("/api/nothing", True),
            ("/api/v2/books", False),
        ):
            assert ("Accept" in client.get(path).headers["Vary"].split(", ")) == negotiated, path

    def test_writes_too(self, shop: Flask) -> None:
        book = new_book(shop)
        reader, _ = reader_and_clerk(shop)
        old = {"Accept": "application/vnd.bookstore.v1+json"}
        cart = ok(reader.post("/api/cart/add_item/", {"book_id": book}, **old), 201)
        assert cart["total_items"] == 1
        assert ok(reader.get("/api/cart"))["subtotal"] == cart["total_price"]
        assert "detail" in ok(reader.get("/api/orders/9/", **old), 404)

    def test_what_has_no_version_is_left_alone(self, client: Client) -> None:
        login = {"username": "nobody", "password": "none"}
        assert "detail" in ok(client.post("/api/token/", login, Accept="x/y; version=v9"), 401)
        for path in ("/api/docs-start.js", "/api/docs-assets/swagger-ui.css"):
            answer = client.get(path)
            assert answer.status_code == 200
            answer.close()
        problem(client.get("/api/v3/books"), 404, "not_found")

    def test_documents(self, client: Client) -> None:
        assert ok(client.get("/api/v1/openapi.json"))["info"]["version"] == V1
        assert ok(client.get("/api/openapi.json"))["info"]["version"] == V2
        assert client.get("/api/v1/docs").status_code == 200


@pytest.mark.parametrize("database", ["sqlite"])
class TestDeprecation:
    CALLS = (
        ("GET", "/api/v1/books/", "/api/v2/books", 200),
        ("GET", "/api/v1/books/77/", "/api/v2/books/77", 404),
        ("GET", "/api/v1/books/available/", "/api/v2/books?in_stock=true", 200),
        ("OPTIONS", "/api/v1/books/", "/api/v2/books", 200),
        ("HEAD", "/api/v1/books/", "/api/v2/books", 200),
        ("GET", "/api/v1/cart/", "/api/v2/cart", 401),
        ("POST", "/api/v1/cart/add_item/", "/api/v2/cart/items", 401),
        ("DELETE", "/api/v1/cart/remove_item/", "/api/v2/cart/items", 401),
        ("GET", "/api/v1/nothing/", "/api/v2/docs", 404),
        ("PUT", "/api/v1/books/", "/api/v2/docs", 405),
        ("POST", "/api/token/", "/api/v2/auth/token", 400),
        ("POST", "/api/token/refresh/", "/api/v2/auth/token/refresh", 400),
        ("GET", "/api/v1/openapi.json", "/api/v2/docs", 200),
    )

    def test_every_answer_says_so(self, client: Client) -> None:
        old = VERSIONS[0]
        assert old.deprecated is not None
        assert old.sunset is not None
        for method, path, successor, status in self.CALLS:
            answer = client.call(method, path)
            headers = answer.headers
            assert answer.status_code == status, path
            since = datetime.fromtimestamp(int(headers["Deprecation"].removeprefix("@")), UTC)
            assert since.date() == old.deprecated
            assert parsedate_to_datetime(headers["Sunset"]).date() == old.sunset
            assert headers["Link"] == f'<{successor}>; rel="successor-version"', path
            assert headers["Warning"].startswith('299 - "')
            assert successor in headers["Warning"]

    def test_also_an_answer_without_a_body(self, client: Client) -> None:
        tag = client.get("/api/v1/books/").headers["ETag"]
        answer = client.get("/api/v1/books/", If_None_Match=tag)
        assert answer.status_code == 304
        assert "Deprecation" in answer.headers

    def test_the_current_one_does_not(self, client: Client) -> None:
        for path in ("/api/v2/books", "/api/books", "/healthz", "/api/v2/nothing"):
            headers = client.get(path).headers
            assert not {"Deprecation", "Sunset", "Warning"} & set(headers.keys()), path


def test_it_is_over_a_year_before_it_ends() -> None:
    old = VERSIONS[0]
    assert old.deprecated is not None
    assert old.sunset is not None
    assert (old.sunset - old.deprecated).days >= 365
