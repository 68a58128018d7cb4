"""Every page, and answers of every kind, get an A+ by the rules of MDN's HTTP Observatory."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from tests.api.observatory import POINTS, RULES, Scanned, grade
from tests.clients import ADDRESS, Client
from tests.factories import make_book, reader_and_clerk

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

HOST = "books.example"
STRIPE = {"stripe_secret_key": "sk_test_1", "stripe_publishable_key": "pk_test_1"}


@pytest.fixture
def production(shop: Flask) -> Iterator[Flask]:
    """The shop as in production, but that GraphQL has its page."""
    before = shop.config["SETTINGS"]
    changes: dict[str, Any] = {
        "bookstore_env": "production",
        "public_url": f"https://{HOST}",
        "cors_origins": "https://app.example.com",
        "graphql_introspection": True,
    }
    shop.config["SETTINGS"] = replace(before, **changes)
    yield shop
    shop.config["SETTINGS"] = before


def scan(shop: Flask, path: str, headers: dict[str, str] | None = None) -> Scanned:
    """Ask as the Observatory does."""
    http = shop.test_client()
    sent = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", **(headers or {})}
    strange = {
        **sent,
        "Origin": "https://http-observatory.security.mozilla.org",
        "Access-Control-Request-Method": "GET",
    }
    return Scanned(
        http.get(path, base_url=f"https://{HOST}", headers=sent, buffered=True),
        http.get(path, base_url=f"http://{HOST}", headers=sent, buffered=True),
        http.options(path, base_url=f"https://{HOST}", headers=strange),
    )


def secure(client: Client, method: str, path: str, body: Any = None) -> Any:
    """Ask the API by https, and return its answer."""
    answer = client.http.open(
        f"/api/v2{path}",
        method=method,
        base_url=f"https://{HOST}",
        headers=client.headers,
        json=body,
    )
    assert answer.status_code < 300, answer.get_data(as_text=True)
    return answer.get_json()


def to_pay_for(shop: Flask, reader: Client) -> int:
    """Return the id of an order of theirs."""
    with shop.app_context():
        book = make_book().id
    secure(reader, "post", "/cart/items", {"book_id": book})
    return int(secure(reader, "post", "/orders", {"shipping_address": ADDRESS})["id"])


def test_every_page_and_answer(production: Flask) -> None:
    reader, _ = reader_and_clerk(production)
    order = to_pay_for(production, reader)
    pages = (
        "/",
        "/books/1",
        "/login",
        "/checkout",
        "/track/X",
        "/reset-password",
        "/graphql/",
        "/api/v1/docs",
        "/api/v2/docs",
        f"/api/v2/orders/{order}/invoice",
    )
    others = ("/api/v2/books", "/api/v1/books/", "/api/v2/me", "/none", "/healthz")
    files = ("/api/v2/openapi.json", "/track/assets/checkout.js", "/api/docs-assets/index.css")
    inside = {"/healthz"}
    for path in (*pages, *others, *files):
        scanned = scan(production, path, reader.headers)
        if path in pages:
            assert (scanned.https.status_code, scanned.https.mimetype) == (200, "text/html"), path
        mark, score, found = grade(scanned)
        lost = {rule: name for rule, name in found.items() if POINTS[name] < 0}
        # Machines inside the network ask whether the shop is well, by http.
        assert lost == ({"redirection": "redirection-missing"} if path in inside else {}), path
        assert path in inside or (mark, score >= 125) == ("A+", True), (path, score, found)


def test_with_stripes_own_script(production: Flask) -> None:
    production.config["SETTINGS"] = replace(production.config["SETTINGS"], **STRIPE)
    mark, _, found = grade(scan(production, "/checkout"))
    assert mark == "A+"
    # It changes whenever Stripe wants it to, so no hash can stand for it.
    lost = {name for name in found.values() if POINTS[name] < 0}
    assert lost == {"sri-not-implemented-but-external-scripts-loaded-securely"}


def test_the_bank_of_test_cards(production: Flask) -> None:
    # There is none in production; but the page is the shop's.
    settings = replace(production.config["SETTINGS"], bookstore_env="testing", force_https=True)
    production.config["SETTINGS"] = settings
    reader, _ = reader_and_clerk(production)
    number = to_pay_for(production, reader)
    secret = secure(reader, "post", f"/orders/{number}/payment-intent")["client_secret"]
    body = {"client_secret": secret, "card_number": "4000002500003155"}
    asked = secure(reader, "post", "/payments/test/confirm", body)
    path = "/payments" + asked["next_action"]["url"].partition("/payments")[2]
    scanned = scan(production, path)
    assert scanned.https.status_code == 200
    assert grade(scanned)[0] == "A+"


def test_the_rules_find_what_is_missing(shop: Flask, client: Client) -> None:
    scanned = scan(shop, "/checkout")
    for answer in (scanned.https, scanned.http, scanned.preflight):
        for name in ("Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options"):
            answer.headers.pop(name, None)
    mark, score, found = grade(scanned)
    assert (mark, score) == ("C or worse", 10)
    assert set(found) == {rule.__name__ for rule in RULES}
    assert found["redirection"] == "redirection-missing"
    assert found["strict_transport_security"] == "hsts-not-implemented"
    assert found["content_security_policy"] == "csp-not-implemented"
    scanned.https.headers["Content-Security-Policy"] = "script-src 'unsafe-inline' *"
    assert grade(scanned)[2]["content_security_policy"] == "csp-implemented-with-unsafe-inline"
