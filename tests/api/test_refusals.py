"""Refusals as browsers get them: pages, each with its status and headers; programs get problems."""

import re
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from bookstore import create_app
from bookstore.blueprints.limits import HEADERS
from bookstore.config import Settings
from tests.clients import Client, problem
from tests.conftest import SECRET
from tests.console.browsing import OWN, Browser
from tests.factories import make_user
from tests.limiting import Limits

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
TOO_LARGE = 1024 * 1024 + 1

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


def page(answer: TestResponse, status: int, title: str) -> str:
    """Assert that an answer is a refusal as a page that a browser shows, and return it."""
    html = answer.get_data(as_text=True)
    assert (answer.status_code, answer.content_type) == (status, "text/html; charset=utf-8"), html
    assert [one.lower() for one in re.findall("<h1>(.*?)</h1>", html)] == [title.lower()]
    assert answer.headers["X-Request-ID"] in html
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Accept" in answer.headers["Vary"]
    [nonce] = re.findall(r"script-src 'nonce-(\S+?)'", answer.headers["Content-Security-Policy"])
    scripts = re.findall("<script(.*?)>(.*?)</script>", html)
    assert scripts
    assert all(f'nonce="{nonce}"' in told and not inside for told, inside in scripts)
    assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
    assert "style=" not in html
    return html


def test_what_there_is_not(shop: Flask) -> None:
    http = shop.test_client()
    for path in (
        "/nothing",
        "/books/999",
        "/books/0",
        "/track/assets/none.js",
        "/covers/none.webp",
    ):
        html = page(http.get(path, headers={"Accept": BROWSER}), 404, "Not found")
        assert 'role="search"' in html, path
        for accepted in ("application/json", "*/*", "image/avif,image/webp,*/*;q=0.8", ""):
            problem(http.get(path, headers={"Accept": accepted}), 404, "not_found")
    assert http.head("/nothing", headers={"Accept": BROWSER}).data == b""
    for path in ("/api/v2/none", "/graphql/none", "/internal/none", "/problems/none", "/api"):
        problem(http.get(path, headers={"Accept": BROWSER}), 404, "not_found")
    assert http.get("/api/v1/none", headers={"Accept": BROWSER}).is_json


def test_what_is_not_theirs(shop: Flask) -> None:
    page(shop.test_client().get("/storage/x", headers={"Accept": BROWSER}), 403, "Not allowed")


def test_what_cannot_be_done_there(shop: Flask) -> None:
    http = shop.test_client()
    for path in ("/", "/login", "/orders", "/track/X"):
        answer = http.post(path, headers={"Accept": BROWSER})
        page(answer, 405, "Method Not Allowed")
        assert "GET" in answer.headers["Allow"]
        problem(http.post(path), 405, "method_not_allowed")
    html = page(http.get("/orders?<b>=1", headers={"Accept": BROWSER}), 422, "Invalid input")
    assert "&lt;b&gt;: Unknown field." in html


def test_who_asks_too_often(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(shop, monkeypatch)(burst="1/minute")
    http = shop.test_client()
    assert http.get("/login").status_code == 200
    for path in ("/", "/books/1", "/login", "/orders", "/track/X", "/checkout", "/nothing"):
        answer = http.get(path, headers={"Accept": BROWSER})
        html = page(answer, 429, "Too many requests")
        assert f"Please wait {answer.headers['Retry-After']} s" in html
        assert '<a href="">Try again</a>' in html
        assert not set(HEADERS) - set(answer.headers.keys())
        told = problem(http.get(path), 429, "rate_limited")
        assert told["retry_after"] > 0
    # What the page is made of does not count.
    with http.get("/track/assets/page.css") as style:
        assert style.status_code == 200


def test_in_the_console(shop: Flask) -> None:
    with shop.app_context():
        reader = make_user()
    clerk, one = Browser.of(shop), Browser.of(shop)
    for path in ("/admin/nothing", "/admin/orders/999999"):
        html = page(clerk.open(path, Accept=BROWSER).answer, 404, "Not found")
        assert 'href="/admin/"' in html
        problem(clerk.http.get(path, headers={"Accept": "application/json"}), 404, "not_found")
    page(clerk.http.post("/admin/orders/", headers=OWN), 405, "Method Not Allowed")
    page(clerk.post("/admin/coupons/new", {"csrf": "x"}).answer, 403, "Not allowed")
    large = {"csrf": "x" * TOO_LARGE}
    page(clerk.post("/admin/coupons/new", large).answer, 413, "Request Entity Too Large")
    # What was done before is told once, though it is a refusal that tells it.
    one.open("/admin/coupons/new")
    sent = one.form("/admin/coupons/new") | {"code": "SPRING", "kind": "percent", "value": "5"}
    made = one.http.post("/admin/coupons/new", data=sent, headers=OWN)
    assert made.status_code == 303, made.text
    assert "The coupon is made." in one.open("/admin/orders/999999").page
    assert "The coupon is made." not in one.open("/admin/").page
    assert reader.username not in clerk.page


def test_what_is_our_own_fault(tmp_path: Path, redis_server: object, database: str) -> None:
    settings = Settings(
        bookstore_env="testing",
        bookstore_home=tmp_path,
        database_url="postgresql://nobody@127.0.0.1:1/none",
        secret_key=SECRET,
    )
    app = create_app(settings)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for path in ("/broken", "/admin/broken"):
        app.add_url_rule(path, path, view_func=lambda: 1 // 0)
    http = app.test_client()
    for path in ("/broken", "/admin/broken"):
        html = page(http.get(path, headers={"Accept": BROWSER}), 500, "Internal Server Error")
        assert "division" not in html
    problem(http.get("/broken"), 500, "internal_error")
    answer = http.get("/books/1", headers={"Accept": BROWSER})
    page(answer, 503, "Service unavailable")
    assert answer.headers["Retry-After"] == "1"
    problem(Client(app).get("/books/1", Accept=BROWSER), 503, "unavailable")
