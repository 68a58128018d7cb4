"""How answers travel: HTTPS, the headers every one has, no cookie."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from bookstore.blueprints import transport
from bookstore.config import Settings
from tests.clients import Client

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(autouse=True)
def as_before(shop: Flask) -> Iterator[None]:
    before = shop.config["SETTINGS"]
    yield
    shop.config["SETTINGS"] = before


def forcing(shop: Flask, **changes: Any) -> Flask:
    """Return the shop that leads http to https."""
    shop.config["SETTINGS"] = replace(shop.config["SETTINGS"], force_https=True, **changes)
    return shop


def ask(shop: Flask, path: str, base: str, method: str = "GET", **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return shop.test_client().open(path, method=method, base_url=base, headers=named)


@pytest.mark.parametrize(
    ("asked", "path", "led_to"),
    [
        ("http://books.example", "/api/books?q=a%20b&q2=", "https://books.example/api/books?"),
        ("http://books.example:8000", "/", "https://books.example/"),
        ("http://shop.example", "//evil.example/", "https://shop.example:8443//evil.example/"),
        ("http://[::1]:8000", "/checkout", "https://[::1]/checkout"),
    ],
)
def test_http_leads_to_https_on_the_same_host(
    shop: Flask, asked: str, path: str, led_to: str
) -> None:
    forcing(shop, public_url="https://shop.example:8443")
    for method in ("GET", "POST", "OPTIONS"):
        answer = ask(shop, path, asked, method, Accept="application/json; version=v1")
        assert answer.status_code == 308
        # As it was asked for: which version that is, is negotiated anew over there.
        assert answer.headers["Location"].startswith(led_to)
        assert answer.headers["Location"].endswith(path)
        # Of a header that came in clear, anybody may have been the author (RFC 6797 7.2).
        assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize("host", ["[", "a b", "", "http://"])
def test_a_host_that_is_none(shop: Flask, host: str) -> None:
    answer = forcing(shop).test_client().get("/checkout", headers={"Host": host})
    assert answer.status_code in {308, 400}
    assert not answer.headers.get("Location", "").startswith(("https:///", "https://["))


def test_over_https_browsers_remember_it(shop: Flask) -> None:
    for path, status in (("/healthz", 200), ("/api/v2/books", 200), ("/api/v2/none", 404)):
        answer = ask(forcing(shop), path, "https://books.example")
        assert answer.status_code == status
        assert answer.headers["Strict-Transport-Security"] == (
            "max-age=63072000; includeSubDomains; preload"
        )


def test_inside_the_network_machines_ask_in_clear(shop: Flask) -> None:
    for path, status in (
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/internal/users/1", 401),
    ):
        assert ask(forcing(shop), path, "http://10.0.0.7:8000").status_code == status
    for path in ("/healthzz", "/internal", "/api/v2/books"):
        assert ask(shop, path, "http://10.0.0.7:8000").status_code == 308


def test_a_circle_is_told_once(
    shop: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_told", False)
    forcing(shop)
    with caplog.at_level(logging.WARNING, "bookstore"):
        ask(shop, "/checkout", "http://books.example")
        ask(shop, "/checkout", "http://books.example", X_Forwarded_Proto="http")
        assert caplog.messages == []
        for _ in range(3):
            ask(shop, "/checkout", "http://books.example", X_Forwarded_Proto="https")
    (told,) = caplog.messages
    assert "TRUSTED_PROXIES is 0" in told


@pytest.mark.parametrize(
    ("environ", "forces"),
    [
        ({}, False),
        ({"FORCE_HTTPS": "true"}, True),
        ({"BOOKSTORE_ENV": "production", "SECRET_KEY": SECRET}, True),
        ({"BOOKSTORE_ENV": "production", "SECRET_KEY": SECRET, "FORCE_HTTPS": "false"}, False),
        (
            {"BOOKSTORE_ENV": "production", "SECRET_KEY": SECRET, "PUBLIC_URL": "http://shop.lan"},
            False,
        ),
        (
            {"BOOKSTORE_ENV": "production", "SECRET_KEY": SECRET, "PUBLIC_URL": "https://b.test"},
            True,
        ),
    ],
)
def test_when_it_is_forced(environ: dict[str, str], forces: bool) -> None:
    assert Settings.from_environ(environ).forces_https is forces


def test_what_is_no_page_shows_and_runs_nothing(shop: Flask) -> None:
    for path in ("/healthz", "/metrics", "/api/v2/books", "/api/v1/books/", "/none"):
        answer = ask(shop, path, "http://localhost")
        assert answer.headers.getlist("Content-Security-Policy") == [transport.NOTHING], path
        assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in answer.headers["Permissions-Policy"]


def test_stripes_wallets_may_ask(shop: Flask) -> None:
    page = ask(shop, "/checkout", "http://localhost")
    assert "payment=()" in page.headers["Permissions-Policy"]
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    keys = {"stripe_secret_key": "sk_test_1", "stripe_publishable_key": "pk_test_1"}
    shop.config["SETTINGS"] = replace(shop.config["SETTINGS"], **keys)
    page = ask(shop, "/checkout", "http://localhost")
    assert 'payment=(self "https://js.stripe.com")' in page.headers["Permissions-Policy"]
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"


def test_what_is_somebodys_is_kept_by_nobody(shop: Flask, client: Client) -> None:
    account = {"username": "ann", "email": "ann@example.com", "password": "a good password"}
    login = {"username": "ann", "password": "a good password"}
    answers = [client.post("/auth/register", account), token := client.post("/auth/token", login)]
    mine = client.with_token(token.get_json()["access"])
    answers += [mine.get(path) for path in ("/me", "/me/export", "/orders", "/cart", "/wishlist")]
    answers += [client.post("/api/token/", login), client.get("/cart"), client.get("/healthz")]
    for answer in answers:
        assert answer.status_code < 300, answer.request.path
        assert "no-store" in answer.headers["Cache-Control"], answer.request.path
    assert client.http.get("/checkout").headers["Cache-Control"] == "no-store"


def test_no_cookie_is_set(shop: Flask, client: Client) -> None:
    login = {"username": "ann", "password": "a good password"}
    client.post("/auth/register", {**login, "email": "ann@example.com"})
    token = client.post("/auth/token", login)
    assert token.status_code == 200
    answers = [token, client.post("/api/token/", login)]
    for rule in shop.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and not rule.websocket and not rule.arguments:
            answers.append(client.with_token(token.get_json()["access"]).http.get(rule.rule))
    assert len(answers) > 40
    assert [answer.request.path for answer in answers if "Set-Cookie" in answer.headers] == []
    # Should a tool set one all the same.
    config = shop.config
    assert config["SESSION_COOKIE_SECURE"] is config["SESSION_COOKIE_HTTPONLY"] is True
    assert config["SESSION_COOKIE_SAMESITE"] == "Strict"
