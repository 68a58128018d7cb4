"""Pages of other origins: those that are listed may call the API, no others."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from bookstore.config import BadSetting, Settings
from tests.clients import Client

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

APP = "https://app.example.com"
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture(autouse=True)
def listed(shop: Flask) -> Iterator[None]:
    before = shop.config["SETTINGS"]
    origins = f"{APP}, HTTP://LocalHost:5173,https://other.example:443"
    shop.config["SETTINGS"] = replace(before, cors_origins=origins)
    yield
    shop.config["SETTINGS"] = before


def preflight(client: Client, path: str, origin: str = APP, method: str = "GET") -> TestResponse:
    return client.call(
        "OPTIONS",
        path,
        Origin=origin,
        Access_Control_Request_Method=method,
        Access_Control_Request_Headers="authorization, content-type",
    )


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/books", "GET, HEAD, POST"),
        ("/books/1", "GET, HEAD, PATCH, DELETE"),
        ("/api/books/1", "GET, HEAD, PATCH, DELETE"),
        ("/api/v1/cart/add_item/", "POST"),
        ("/graphql/", "GET, HEAD, POST"),
        ("/me", "GET, HEAD, PATCH, DELETE"),
        # Of what is not there, too: or the page never sees the 404.
        ("/none", "GET, HEAD, POST, PUT, PATCH, DELETE"),
    ],
)
def test_a_preflight_says_what_a_route_takes(client: Client, path: str, methods: str) -> None:
    answer = preflight(client, path)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers[ALLOW] == APP
    assert answer.headers["Access-Control-Allow-Methods"] == methods
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"Authorization", "Content-Type", "If-Match", "X-API-Key", "X-Cart-Token"} <= {*allowed}
    assert answer.headers["Access-Control-Max-Age"] == "7200"
    assert {"origin", "access-control-request-method"} <= {*answer.vary.as_set()}
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_answers_can_be_read_with_their_headers(client: Client) -> None:
    for path, status in (("/books", 200), ("/me", 401), ("/none", 404), ("/books?x=1", 422)):
        answer = client.get(path, Origin=APP)
        assert answer.status_code == status
        assert answer.headers.getlist(ALLOW) == [APP]
        exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"ETag", "Link", "Location", "Retry-After", "X-Request-ID", "RateLimit"} <= {
            *exposed
        }
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("https://other.example", True),
        ("https://app.example.com.evil.example", False),
        ("https://evil.example", False),
        ("http://app.example.com", False),
        ("https://APP.example.com", False),
        ("https://app.example.com:8443", False),
        ("null", False),
        ("*", False),
        ("", False),
    ],
)
def test_only_listed_origins(client: Client, origin: str, allowed: bool) -> None:
    for answer in (client.get("/books", Origin=origin), preflight(client, "/books", origin)):
        assert answer.headers.get(ALLOW) == (origin if allowed else None)
        # A cache may keep the answer for somebody whose origin is listed.
        assert "origin" in answer.vary.as_set()


def test_caches_know_that_it_depends(client: Client) -> None:
    answer = client.get("/books")
    assert ALLOW not in answer.headers
    assert "origin" in answer.vary.as_set()
    tag = answer.headers["ETag"]
    again = client.get("/books", Origin=APP, If_None_Match=tag)
    assert (again.status_code, again.headers[ALLOW]) == (304, APP)


def test_nothing_of_it_inside_the_network(client: Client) -> None:
    for path in ("/metrics", "/internal/users/1"):
        answer = client.http.get(path, headers={"Origin": APP})
        assert ALLOW not in answer.headers


def test_without_a_list_there_is_none(shop: Flask, client: Client) -> None:
    shop.config["SETTINGS"] = replace(shop.config["SETTINGS"], cors_origins=None)
    for answer in (client.get("/books", Origin=APP), preflight(client, "/books")):
        assert ALLOW not in answer.headers
        assert "origin" not in answer.vary.as_set()


@pytest.mark.parametrize("value", ["*", "app.example.com", "https://*.example.com", "null"])
def test_a_list_of_origins_and_nothing_else(value: str) -> None:
    with pytest.raises(BadSetting, match="^CORS_ORIGINS: "):
        Settings.from_environ({"CORS_ORIGINS": value})
