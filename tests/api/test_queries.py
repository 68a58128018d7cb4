"""What no route reads in a query string is refused, by every route there is."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from bookstore.blueprints.queries import LENIENT
from tests.clients import Client, ok, problem
from tests.factories import make_clerk

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

TOKEN = "a token of the shop's own parts, long enough"
# What stands in a path: an id that could be one, and a name that could be one.
ARGUMENTS = {"version": "v2", "name": "x", "key": "x", "token": "x", "number": "x", "code": "x"}
ARGUMENTS["session_id"] = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def headers(shop: Flask) -> Iterator[dict[str, dict[str, str]]]:
    """Whoever may everything: the headers of one of staff, and of another part of the shop."""
    before = shop.config["SETTINGS"]
    shop.config["SETTINGS"] = replace(before, service_token=TOKEN)
    yield {
        "staff": {"Authorization": f"Bearer {make_clerk(shop)}"},
        "service": {"Authorization": f"Bearer {TOKEN}"},
    }
    shop.config["SETTINGS"] = before


def path_of(shop: Flask, rule: Rule) -> str:
    adapter = shop.url_map.bind("localhost")
    values: dict[str, Any] = {name: ARGUMENTS.get(name, 1) for name in rule.arguments}
    return adapter.build(rule.endpoint, values, method=sorted(rule.methods or {"GET"})[0])


def test_every_route_refuses_what_it_does_not_read(
    shop: Flask, headers: dict[str, dict[str, str]]
) -> None:
    http, asked, lenient = shop.test_client(), 0, set()
    for rule in shop.url_map.iter_rules():
        # Sockets refuse it when it is known who asks: tests/sockets/test_entrance.py.
        if rule.rule.startswith("/ws/"):
            continue
        if rule.endpoint in LENIENT:
            lenient.add(rule.endpoint)
            continue
        path = path_of(shop, rule)
        old = path.startswith(("/api/v1/", "/api/token"))
        who = headers["service" if path.startswith("/internal") else "staff"]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            sent = who if method == "GET" else {**who, "If-Match": "*"}
            with http.open(f"{path}?no_such=1", method=method, headers=sent) as answer:
                told = answer.get_json(force=True, silent=True) or {}
                assert answer.status_code == (400 if old else 422), (method, path, told)
                if path.startswith("/admin"):  # a page
                    assert "no_such: Unknown field." in answer.text, (method, path)
                    continue
                named = told if old else told["errors"]
                assert named["no_such"] == ["Unknown field."], (method, path, told)
                asked += 1
    assert asked > 150
    # The list names no route that is not there.
    assert lenient == set(LENIENT)


def test_old_clients_may_say_what_any_api_of_their_kind_reads(client: Client) -> None:
    ok(client.get("/api/v1/books/?format=json&_=1790000000000"))
    refused = ok(client.get("/api/v1/books/?categorie=3"), 400)
    assert refused == {"detail": "Some fields are not valid.", "categorie": ["Unknown field."]}
    answer = client.post("/api/token/?format=json", {"username": "nobody", "password": "none"})
    assert answer.status_code == 401
    problem(client.get("/books?format=json"), 422, "validation_failed")


def test_what_is_no_text_is_refused(client: Client) -> None:
    for path in ("/healthz?%ff", "/api/v2/books?q=%ff", "/problems/not_found?%ff=1"):
        problem(client.http.get(path), 400, "bad_request")
