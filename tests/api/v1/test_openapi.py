"""The document of v1: valid, whole, what the server does; and each call has its heir in v2."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.test import TestResponse

from tests.api.v1.conftest import OldClient
from tests.clients import Client, ok
from tests.factories import new_book

GUIDE = Path(__file__).parents[3] / "docs" / "api-v1.md"
METHODS = ("get", "post", "put", "patch", "delete")
# What each body needs at least.
NEEDED: dict[str, dict[str, Any]] = {
    "POST /api/token/": {"username": "nobody", "password": "none"},
    "POST /api/token/refresh/": {"refresh": "junk"},
    "POST /api/v1/books/": {"title": "New", "author": 1, "price": "1.00"},
    "PUT /api/v1/books/{book_id}/": {"title": "New", "author": 1, "price": "1.00"},
    "POST /api/v1/reviews/": {"book": 2, "rating": 5},
    "PUT /api/v1/reviews/{review_id}/": {"rating": 4},
    "POST /api/v1/cart/add_item/": {"book_id": 1},
    "DELETE /api/v1/cart/remove_item/": {"book_id": 1},
    "POST /api/v1/wishlist/add_item/": {"book_id": 1},
    "DELETE /api/v1/wishlist/remove_item/": {"book_id": 1},
    "POST /api/v1/orders/create_from_cart/": {"shipping_address": "1 High Street, York, UK"},
    "POST /api/v1/payments/create_payment_intent/": {"order_id": 1},
    **{
        f"{method} /api/v1/{many}/{more}": {"last_name" if many == "authors" else "name": method}
        for many in ("authors", "categories", "publishers")
        for method, more in (("POST", ""), ("PUT", "{record_id}/"))
    },
}


@pytest.fixture
def document(shop: Flask) -> dict[str, Any]:
    return dict(shop.extensions["openapi"]["v1"])


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (method, path, operation) of each; what creates before what deletes."""
    found = [
        (method.upper(), path, members[method])
        for path, members in document["paths"].items()
        for method in METHODS
        if method in members
    ]
    return sorted(found, key=lambda one: METHODS.index(one[0].lower()))


def test_it_is_valid(document: dict[str, Any]) -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for _, path, operation in operations(document):
        assert operation["deprecated"] is True
        assert operation["summary"].endswith("."), path


def test_it_has_every_route_and_no_other(shop: Flask, document: dict[str, Any]) -> None:
    routes = set()
    for rule in shop.url_map.iter_rules():
        if rule.endpoint.startswith("v1_"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            routes |= {(m, path) for m in rule.methods or () if m not in {"HEAD", "OPTIONS"}}
    assert {(method, path) for method, path, _ in operations(document)} == routes
    assert len(routes) > 30


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        _, *parts = node["$ref"].split("/")
        node = document
        for part in parts:
            node = node[part]
    return node


def check(document: dict[str, Any], operation: dict[str, Any], answer: TestResponse) -> None:
    """Assert that an answer is one that the document promises."""
    status = str(answer.status_code)
    assert status in operation["responses"], (operation["operationId"], status, answer.data)
    promised = resolved(document, operation["responses"][status])
    for name in promised.get("headers", {}):
        assert name in answer.headers, (operation["operationId"], status, name)
    if answer.data:
        schema = promised["content"][answer.mimetype]["schema"]
        found = {**schema, "components": document["components"]}
        jsonschema.Draft202012Validator(found).validate(answer.get_json())


def test_answers_are_as_documented(
    shop: Flask, document: dict[str, Any], clerk: OldClient, guest: OldClient
) -> None:
    for many in ("authors", "categories", "publishers"):
        ok(clerk.post(many, {"name": "First", "last_name": "First"}), 201)
    ok(clerk.post("reviews", {"book": new_book(shop), "rating": 3}), 201)
    for path in ("books", "cart/add_item", "orders/create_from_cart"):
        ok(clerk.post(path, {**NEEDED[f"POST /api/v1/{path}/"], "stock": 9}), 201)
    ok(clerk.post("cart/add_item", {"book_id": 1}), 201)
    new_book(shop)
    seen = set()
    for method, path, operation in operations(document):
        body = NEEDED.get(f"{method} {path}")
        for client in (clerk.client, guest.client):
            for number in ("1", "2", "987654"):
                url = re.sub(r"{\w+}", number, path)
                for sent in (body, {} if "requestBody" in operation else None, {"junk": 1}):
                    answer = client.call(method, f"{url}?format=json&_=1", sent)
                    check(document, operation, answer)
                    seen.add((method, path, answer.status_code < 400))
    good = {(method, path) for method, path, fine in seen if fine}
    tokens = {("POST", "/api/token/"), ("POST", "/api/token/refresh/")}
    assert {(method, path) for method, path, _ in operations(document)} - good == tokens


def test_each_call_has_an_heir(shop: Flask, document: dict[str, Any]) -> None:
    heirs = shop.extensions["openapi"]["v2"]["paths"]
    for _, path, operation in operations(document):
        found = re.search(r"In v2: `(\w+) (/api/v2/[^`?]*)(\?[^`]*)?`\.", operation["description"])
        assert found, path
        assert found.group(1).lower() in heirs[found.group(2)], path
        query = (found.group(3) or "").lstrip("?").partition("=")[0]
        named = heirs[found.group(2)][found.group(1).lower()]["parameters"]
        assert not query or query in {parameter["name"] for parameter in named}


def test_the_guide_maps_each_call(document: dict[str, Any], client: Client) -> None:
    rows = re.findall(r"^\| `(\w+) ([^`]+)` \| `(\w+) ([^`]+)` \|", GUIDE.read_text(), re.M)
    told = {(method, path): f"In v2: `{verb} {heir}`." for method, path, verb, heir in rows}
    assert len(told) == len(rows)
    real = {
        (method, path): operation["description"].splitlines()[-1]
        for method, path, operation in operations(document)
    }
    assert told == real
