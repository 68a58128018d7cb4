"""Paths, methods and headers that nobody should send."""

import pytest
from flask import Flask

from tests.api.v2.operations import everything, operations
from tests.clients import Client, problem


@pytest.fixture
def clerk(shop: Flask) -> Client:
    return everything(shop)


def test_ids_that_are_none(shop: Flask, clerk: Client) -> None:
    ids = [
        10**18,
        2**63 - 1,
        2**63,
        10**30,
        -1,
        0,
        "abc",
        "1.0",
        "1e3",
        "%00",
        "01",
        "%ff",
        "٣",
        "+1",
        "1%20",
    ]
    for operation in operations(shop):
        if operation.has_ids:
            for number in ids:
                path = operation.url(number)
                answer = clerk.call(operation.method, path, operation.needed or None, If_Match="*")
                # Routes with a word where others have an id are the only ones that differ.
                assert answer.status_code == 404, (operation.name, number, answer.data)
                problem(answer, 404, "not_found")


def test_unknown_paths(client: Client, clerk: Client) -> None:
    paths = ["/", "/nothing", "/books/1/nothing", "/../etc/passwd", "/books/1/../1"]
    paths += ["/%00", "/%ff", "/\u00e9", "/books/%2e%2e", "/" + "x" * 8000]
    paths += ["/api", "/api/", "/api/v3/books", "/api/v2", "/api/docs-assets/../../setup.cfg"]
    paths += ["/api/docs-assets/%2e%2e/__init__.py", "/api/docs-assets/none", "/problems/none"]
    for asking in (client, clerk):
        for path in paths:
            problem(asking.get(path), 404, "not_found")


def test_wrong_methods(shop: Flask, clerk: Client) -> None:
    known: dict[str, set[str]] = {}
    for operation in operations(shop):
        known.setdefault(operation.url(), set()).add(operation.method)
    for path, methods in known.items():
        methods |= {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - methods:
            answer = clerk.call(method, path)
            body = problem(answer, 405, "method_not_allowed")
            assert set(answer.headers["Allow"].replace(" ", "").split(",")) == methods, body


def test_a_last_slash_is_forgiven(clerk: Client) -> None:
    assert clerk.get("/books/").status_code == 200
    assert clerk.get("/books/1/").status_code == 200


@pytest.mark.parametrize("name", ["X-Cart-Token", "X-Request-ID", "If-None-Match", "Accept"])
def test_odd_headers(clerk: Client, name: str) -> None:
    for value in ("", "é", "\xff", "x" * 5000, '"', "*", "\t", '"\xff"', ",,,", 'W/"', "../.."):
        for path in ("/cart", "/books", "/books/1"):
            for asking in (clerk, Client(clerk.app)):
                assert asking.get(path, **{name: value}).status_code in {200, 304}


def test_a_request_id_is_echoed_or_made(client: Client) -> None:
    assert client.get("/books", X_Request_ID="abc-1.2_3").headers["X-Request-ID"] == "abc-1.2_3"
    for bad in ("a b", "x" * 129, "<b>", "é"):
        made = client.get("/nothing", X_Request_ID=bad)
        assert made.headers["X-Request-ID"] != bad
        problem(made, 404, "not_found")
