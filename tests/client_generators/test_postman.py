"""The collection: Postman's own library reads it, each operation is there once, requests work."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from flask import Flask

from bookstore.blueprints.openapi import operations
from client_generators import node
from tests.client_generators.conftest import on_one_database
from tests.clients import LiveShop
from tests.factories import PASSWORD, make_book, make_user

READER = Path(__file__).with_name("read_collection.mjs")


@pytest.fixture(scope="session")
def read(collection: Path) -> list[dict[str, Any]]:
    """Every request as Postman would send it to ``BASE``."""
    printed = node.run(READER, collection, "http://shop.example", "a-token")
    return [json.loads(line) for line in printed.splitlines()]


def test_it_has_every_operation_once(read: list[dict[str, Any]], document: dict[str, Any]) -> None:
    there = sorted((method.upper(), path) for path, method, _ in operations(document))
    found = [(one["method"], one["template"]) for one in read]
    assert sorted(found) == there
    for one in read:
        assert one["url"].startswith("http://shop.example/api/v2/"), one
        assert "{{" not in one["url"]


def test_it_is_a_collection_of_folders(collection: Path, document: dict[str, Any]) -> None:
    found = json.loads(collection.read_text())
    assert found["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert {folder["name"] for folder in found["item"]} == {t["name"] for t in document["tags"]}
    assert {variable["key"] for variable in found["variable"]} == {"baseUrl", "bearerToken"}


def test_those_who_have_to_log_in_send_the_token(
    read: list[dict[str, Any]], document: dict[str, Any]
) -> None:
    compulsory = {
        (method.upper(), path)
        for path, method, operation in operations(document)
        if operation["security"] and {} not in operation["security"]
    }
    assert len(compulsory) > 40
    for one in read:
        if (one["method"], one["template"]) in compulsory:
            assert one["token"] == "a-token", one


@on_one_database
def test_its_requests_work(
    collection: Path, shop: Flask, live: LiveShop, document: dict[str, Any]
) -> None:
    with shop.app_context():
        book = make_book("The Dispossessed", price=1000)
        make_user("ann")

    def send(method: str, template: str, token: str = "", **values: Any) -> Any:
        printed = node.run(READER, collection, live.url, token)
        every = [json.loads(line) for line in printed.splitlines()]
        [one] = [o for o in every if (o["method"], o["template"]) == (method, template)]
        body = one["body"] and {**json.loads(one["body"]), **values}
        headers = {**one["headers"]}
        if token:
            headers["Authorization"] = f"Bearer {one['token']}"
        url = one["url"].replace("<integer>", str(book.id))
        answer = requests.request(method, url, json=body, headers=headers, timeout=20)
        assert answer.ok, answer.text
        schema = document["paths"][template][method.lower()]["responses"][str(answer.status_code)]
        schema = schema["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json(), {**schema, "components": document["components"]})
        return answer.json()

    assert send("GET", "/api/v2/books")["data"][0]["title"] == "The Dispossessed"
    assert send("GET", "/api/v2/books/{book_id}")["price"] == "10.00"
    login = send("POST", "/api/v2/auth/token", username="ann", password=PASSWORD)
    cart = send("POST", "/api/v2/cart/items", login["access"], book_id=book.id, quantity=3)
    assert cart["subtotal"] == "30.00"
