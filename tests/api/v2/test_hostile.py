"""What a hostile client would try first: others' things, members nobody asked for, other hosts."""

import gzip
import json
import logging
from typing import Any

import pytest
from flask import Flask

from bookstore.log_formats import TextFormatter
from tests.api.v2.operations import everything, operations
from tests.clients import Client, ok, problem
from tests.factories import PASSWORD, log_in, make_user, reader_and_clerk

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

ACCOUNT = {"username": "mallory", "email": "mallory@example.com", "password": PASSWORD}
# Other people's things, by number: of each the owner, or staff.
OWNED = (
    "/orders/{",
    "/me/devices/{",
    "/webhooks/",
    "/me/notifications/{",
    "/books/{book_id}/reviews/{",
)


def test_nothing_of_others_by_its_number(shop: Flask) -> None:
    everything(shop)
    with shop.app_context():
        user = make_user("mallory")
    reader, opened = log_in(shop, user), {}
    for operation in operations(shop):
        if operation.path.startswith(OWNED):
            answer = operation.call(reader, operation.needed or None)
            # 501: streams, which only a real server has.
            if answer.status_code not in {403, 404, 501}:
                opened[operation.name] = answer.status_code
    assert opened == {}


@pytest.mark.parametrize("member", ["is_staff", "is_premium", "id", "is_active", "password_hash"])
def test_nobody_makes_themselves_more(shop: Flask, member: str) -> None:
    guest = Client(shop)
    wrong = problem(
        guest.post("/auth/register", {**ACCOUNT, member: True}), 422, "validation_failed"
    )
    assert set(wrong["errors"]) == {member}
    reader, _ = reader_and_clerk(shop)
    assert set(
        problem(reader.patch("/me", {member: True}), 422, "validation_failed")["errors"]
    ) == {member}
    assert ok(reader.get("/me"))["is_staff"] is False


def test_prices_are_the_shops(shop: Flask) -> None:
    reader = everything(shop)
    for body in ({"price": "0.01"}, {"unit_price": "0.01"}, {"quantity": -1}, {"quantity": 2**63}):
        assert reader.post("/cart/items", {"book_id": 1, **body}).status_code == 422
    twice = b'{"book_id": 1, "quantity": 1, "quantity": 2}'
    cart = ok(reader.post("/cart/items", twice, Content_Type="application/json"), 201)
    assert cart["items"][0]["quantity"] == 3  # the last one counts, as in every parser of ours


HOSTS = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "host=evil.example",
}


@pytest.mark.parametrize(
    "path", ["/api/v2/books?limit=1", "/api/v2/books/1", "/covers/x.webp", "/"]
)
def test_no_answer_for_all_names_a_host_that_a_client_made_up(shop: Flask, path: str) -> None:
    everything(shop)
    answer = Client(shop).http.get(path, headers={k: v for k, v in HOSTS.items() if k != "Host"})
    assert b"evil" not in answer.data
    assert "evil" not in str(answer.headers)


def test_a_reset_leads_to_the_shop_whatever_host_was_asked(shop: Flask) -> None:
    with shop.app_context():
        make_user("ann")
    answer = Client(shop).http.post(
        "/api/v2/auth/password-reset", json={"email": "ann@example.com"}, headers=HOSTS
    )
    assert answer.status_code in {202, 204}
    assert b"evil" not in answer.data
    assert "evil" not in str(answer.headers)


@pytest.mark.parametrize("number", ["1e400", "9" * 5000, "-" + "9" * 5000, "1" + "0" * 400 + ".5"])
def test_numbers_that_no_computer_has(shop: Flask, number: str) -> None:
    body = f'{{"book_id": 1, "quantity": {number}}}'.encode()
    answer = Client(shop).post("/cart/items", body, Content_Type="application/json")
    assert answer.status_code in {400, 422}


def test_a_compressed_body_is_not_opened(shop: Flask) -> None:
    bomb = gzip.compress(json.dumps({"username": "a" * 5_000_000}).encode())
    answer = Client(shop).post(
        "/auth/token", bomb, Content_Type="application/json", Content_Encoding="gzip"
    )
    problem(answer, 400, "bad_request")


@pytest.mark.parametrize(
    "name", ["ad\u202emin", "ad\0min", "a b", "admin\n", "<b>", "../..", "\u200badmin", "a" * 65]
)
def test_names_that_look_like_another(shop: Flask, name: str) -> None:
    assert Client(shop).post("/auth/register", {**ACCOUNT, "username": name}).status_code == 422


def test_no_line_of_the_log_is_made_up(shop: Flask, caplog: pytest.LogCaptureFixture) -> None:
    forged = "/api/v2/books/x%0d%0a12:00:00%20info%20bookstore:%20all%20is%20well%1b[2J%E2%80%A8x"
    with caplog.at_level(logging.INFO, logger="bookstore.access"):
        Client(shop).http.get(forged, headers={"X-Request-ID": "a\tb"})
    [record] = [one for one in caplog.records if one.name == "bookstore.access"]
    line = TextFormatter().format(record)
    assert "all is well" in line
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_redirects_stay_in_the_shop(shop: Flask) -> None:
    reader = everything(shop)
    for url in (
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
    ):
        body: dict[str, Any] = {"client_secret": "x", "card_number": "4242424242424242"}
        answer = reader.post("/payments/test/confirm", {**body, "return_path": url})
        assert answer.status_code == 422


def test_paths_lead_nowhere_else(shop: Flask) -> None:
    for path in (
        "/storage/../shop.sqlite3", "/storage/%2e%2e/shop.sqlite3", "/storage/..%5cshop.sqlite3",
        "/storage/%00", "/covers/..%2f..%2fshop.webp",
        "/api/docs-assets/..%2f__init__.py", "/static/../app.py",
    ):  # fmt: skip
        assert Client(shop).http.get(path).status_code in {400, 403, 404}, path


def test_a_redirect_names_no_host(shop: Flask) -> None:
    http = Client(shop).http
    for path in ("/storage//x", "/api//v2/books", "/api/v2//books", "//api/v2/books"):
        answer = http.get(path, base_url="http://evil.example")
        assert "evil" not in answer.headers.get("Location", ""), path
    for path in ("//evil.example/x", "///evil.example"):
        answer = http.get("/", environ_overrides={"PATH_INFO": path})
        place = answer.headers.get("Location", "/")
        assert place.startswith("/")
        assert not place.startswith(("//", "/\\"))
