"""What hostile testing has found once (tests/attack), and what must stay so."""

import re
from typing import Any

import pytest
from flask import Flask

from tests.clients import ok, problem
from tests.factories import new_book, reader_and_clerk


def test_a_book_after_one_that_was_deleted(shop: Flask) -> None:
    # SQLite gives it the same number, and there are events of that.
    _, clerk = reader_and_clerk(shop)
    author = ok(clerk.post("/authors", {"last_name": "Writer"}), 201)["id"]
    book = {"title": "One", "author_id": author, "price": "1.00"}
    ok(clerk.delete(f"/books/{ok(clerk.post('/books', book), 201)['id']}"), 204)
    assert ok(clerk.post("/books", {**book, "title": "Two"}), 201)["title"] == "Two"


def test_a_review_after_one_that_was_deleted(shop: Flask) -> None:
    reader, _ = reader_and_clerk(shop)
    path = f"/books/{new_book(shop)}/reviews"
    first = ok(reader.post(path, {"rating": 1}), 201)
    ok(reader.delete(f"{path}/{first['id']}"), 204)
    assert ok(reader.post(path, {"rating": 5}), 201)["rating"] == 5


@pytest.fixture(scope="session")
def document(apps: Any) -> dict[str, Any]:
    return dict(apps.get("sqlite").extensions["openapi"]["v2"])


def test_links_lead_to_operations_and_give_what_these_take(document: dict[str, Any]) -> None:
    operations = {
        operation["operationId"]: (path, operation)
        for path, members in document["paths"].items()
        for method, operation in members.items()
        if method != "parameters"
    }
    found = 0
    for _, operation in operations.values():
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                path, target = operations[link["operationId"]]
                taken = {parameter["name"] for parameter in target["parameters"]}
                taken |= set(re.findall(r"{(\w+)}", path))
                assert set(link.get("parameters", {})) <= taken, link
                assert "requestBody" not in link or "requestBody" in target
                found += 1
    assert found > 40


def test_a_link_is_true(shop: Flask, document: dict[str, Any]) -> None:
    reader, _ = reader_and_clerk(shop)
    links = document["paths"]["/api/v2/me/devices"]["post"]["responses"]["201"]["links"]
    [link] = links.values()
    [(name, where)] = link["parameters"].items()
    assert (name, where) == ("device_id", "$response.body#/id")
    made = ok(reader.post("/me/devices", {"token": "a", "platform": "web"}), 201)
    ok(reader.delete(f"/me/devices/{made['id']}"), 204)


def test_the_document_says_what_is_refused(document: dict[str, Any]) -> None:
    shapes = document["components"]["schemas"]
    assert shapes["Register"]["properties"]["password"]["minLength"] == 8
    assert shapes["AuthorInput"]["properties"]["website"]["format"] == "uri"
    percent = shapes["TaxRateInput"]["properties"]["percent"]["pattern"]
    good, bad = ("0", "5.5", "007", "100", "100.000"), ("100.1", "101", "5.5555", "")
    assert all(re.search(percent, text) for text in good)
    assert not any(re.search(percent, text) for text in bad)
    change = document["paths"]["/api/v2/books/{book_id}"]["patch"]
    assert change["requestBody"]["required"] is False  # none is no change
    [match] = [one for one in change["parameters"] if one["name"] == "If-Match"]
    assert match["schema"] == {"type": "string", "minLength": 1}


def test_percentages_are_what_the_document_says(shop: Flask) -> None:
    _, clerk = reader_and_clerk(shop)
    for text, status in (("007", 201), ("100.000", 409), ("100.1", 422), ("5.5555", 422)):
        assert clerk.post("/tax-rates", {"country": "AQ", "percent": text}).status_code == status
    body = {"username": "abc", "email": "a@example.com", "password": "seven77"}
    assert (
        "password"
        in problem(clerk.post("/auth/register", body), 422, "validation_failed")["errors"]
    )
