"""What one user or address may ask: counted once, told in headers, refused beyond."""

import re
import time
import uuid

import pytest
from flask import Flask

from bookstore.blueprints.limits import EXEMPT
from bookstore.extensions import redis_handle
from bookstore.gateways.rates import PREFIX
from bookstore.services import accounts
from tests.clients import Client, ok, problem, statements
from tests.factories import log_in, make_user, new_book
from tests.limiting import Limits, left

NOT_ALLOWED = 405


def logged_in(shop: Flask, name: str | None = None) -> Client:
    with shop.app_context():
        user = make_user(name)
    return log_in(shop, user)


@pytest.fixture
def limits(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> Limits:
    return Limits(shop, monkeypatch)


def test_an_answer_says_where_its_client_stands(client: Client, limits: Limits) -> None:
    limits(burst="2/minute", sustained="100/day")
    first = client.get("/books")
    ok(first)
    assert first.headers["RateLimit-Policy"] == '"burst";q=2;w=60, "sustained";q=100;w=86400'
    assert first.headers["RateLimit"] == '"burst";r=1;t=60'
    assert first.headers["X-RateLimit-Limit"] == "2"
    assert first.headers["X-RateLimit-Remaining"] == "1"
    assert 0 < int(first.headers["X-RateLimit-Reset"]) - time.time() <= 61
    assert "Retry-After" not in first.headers
    assert left(client.get("/books", If_None_Match=first.headers["ETag"])) == ("burst", 0)
    refused = client.get("/books")
    body = problem(refused, 429, "rate_limited")
    wait = int(refused.headers["Retry-After"])
    assert 1 <= wait <= 61
    assert body["retry_after"] == wait
    assert refused.headers["RateLimit"] == f'"burst";r=0;t={wait}'
    assert refused.headers["RateLimit-Policy"] == first.headers["RateLimit-Policy"]


def test_the_policy_with_the_fewest_left_is_named(client: Client, limits: Limits) -> None:
    limits(burst="5/minute;3/second", sustained="2/day")
    answer = client.get("/books")
    policy = '"burst";q=5;w=60, "burst-2";q=3;w=1, "sustained";q=2;w=86400'
    assert answer.headers["RateLimit-Policy"] == policy
    assert left(answer) == ("sustained", 1)
    assert answer.headers["X-RateLimit-Limit"] == "2"


def test_what_there_is_not_counts_too(client: Client, limits: Limits) -> None:
    limits(burst="4/minute")
    assert left(client.get("/nothing")) == ("burst", 3)
    answer = client.call("PUT", "/books")
    assert (answer.status_code, *left(answer)) == (NOT_ALLOWED, "burst", 2)
    assert left(client.get("/api/books", Accept="application/json; version=v9")) == ("burst", 1)
    assert left(client.get("/docs")) == ("burst", 0)
    for path in ("/nothing", "/docs", "/api/v1/books/", "/graphql/"):
        assert client.get(path).status_code == 429, path


def test_users_and_addresses_are_apart(shop: Flask, client: Client, limits: Limits) -> None:
    one, other = logged_in(shop), logged_in(shop)
    limits(burst="2/minute")
    for _ in range(2):
        ok(one.get("/me"))
    problem(one.get("/me"), 429, "rate_limited")
    problem(one.get("/books"), 429, "rate_limited")
    assert left(other.get("/me")) == ("burst", 1)
    assert left(client.get("/books")) == ("burst", 1)
    # Whoever guesses tokens is a stranger at that address.
    problem(client.with_token("guessed").get("/me"), 401, "unauthenticated")
    problem(client.with_token("guessed again").get("/me"), 429, "rate_limited")
    problem(client.get("/books"), 429, "rate_limited")
    elsewhere = client.http.get("/api/v2/books", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert left(elsewhere) == ("burst", 1)


def test_a_key_counts_with_its_owner(shop: Flask, client: Client, limits: Limits) -> None:
    me = logged_in(shop)
    wanted = {"name": "program", "scopes": ["orders:read"], "expires_at": None}
    one, other = (ok(me.post("/me/api-keys", wanted), 201)["key"] for _ in range(2))
    limits(burst="3/minute")
    ok(client.get("/orders", X_API_Key=one))
    ok(client.get("/orders", X_API_Key=other))
    ok(me.get("/me"))
    problem(client.get("/orders", X_API_Key=one), 429, "rate_limited")


def test_premium_has_no_limit_from_the_next_request_on(shop: Flask, limits: Limits) -> None:
    name = "reader"
    reader = logged_in(shop, name)
    limits(burst="1/minute")
    ok(reader.get("/me"))
    problem(reader.get("/me"), 429, "rate_limited")
    with shop.app_context():
        accounts.promote(name, is_premium=True)
    for _ in range(3):
        answer = reader.get("/me")
        ok(answer)
        assert not [header for header in answer.headers if "RateLimit" in header]
    with shop.app_context():
        accounts.promote(name, is_premium=False)
    problem(reader.get("/me"), 429, "rate_limited")


def test_counting_asks_the_database_nothing(shop: Flask, limits: Limits) -> None:
    reader, book = logged_in(shop), new_book(shop)
    limits(burst="2/minute")
    ok(reader.get(f"/books/{book}"))
    with statements(shop) as found:
        ok(reader.get(f"/books/{book}"))
    assert len(found) == 1, found  # who it is; the book is in the cache
    with statements(shop) as found:
        problem(reader.get(f"/books/{book}"), 429, "rate_limited")
    assert len(found) == 1, found


def test_older_and_other_shapes(client: Client, limits: Limits) -> None:
    limits(burst="1/minute")
    ok(client.get("/api/v1/books/"))
    answer = client.get("/api/v1/books/")
    assert answer.status_code == 429
    wait = answer.headers["Retry-After"]
    text = f"Request was throttled. Expected available in {wait} seconds."
    assert answer.get_json() == {"detail": text}
    assert "Deprecation" in answer.headers
    problem(client.post("/graphql/", {"query": "{ __typename }"}), 429, "rate_limited")


def test_keys_in_redis_name_nobody(shop: Flask, client: Client, limits: Limits) -> None:
    limits(login="5/minute")
    body = {"username": "Ann.Reader", "password": "not her password"}
    for _ in range(6):
        client.http.post(
            "/api/v2/auth/token", json=body, environ_base={"REMOTE_ADDR": "198.51.100.23"}
        )
    with shop.app_context():
        keys = [key.decode().casefold() for key in redis_handle.client.scan_iter(f"{PREFIX}*")]
    assert len(keys) > 4
    assert not [key for key in keys if "ann" in key or "198.51" in key]


@pytest.mark.parametrize("database", ["sqlite"])
def test_every_route_counts_but_those_with_a_reason(shop: Flask, client: Client) -> None:
    counted, uncounted = set(), set()
    for rule in shop.url_map.iter_rules():
        path = re.sub(r"<(?:any\((\w+)[^>]*\):|id:|path:)?\w+>", lambda m: m[1] or "1", rule.rule)
        path = path.replace("<uuid:session_id>", str(uuid.uuid4()))
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            answer = client.http.open(path, method=method, json={} if method == "POST" else None)
            (counted if "RateLimit" in answer.headers else uncounted).add(rule.endpoint)
            answer.close()
            asking = {"Origin": "https://app.example", "Access-Control-Request-Method": method}
            for headers in ({}, asking):
                answer = client.http.open(path, method="OPTIONS", headers=headers)
                assert "RateLimit" not in answer.headers
    assert uncounted == set(EXEMPT)
    assert not counted & uncounted
    assert len(counted) > 130
