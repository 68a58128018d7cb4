"""The document of API v2 is valid, whole, and what the server does."""

import re
from typing import Any
from urllib.parse import urljoin

import jsonschema
import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from bookstore.services import webhook_signing
from bookstore.services.event_types import TYPES
from tests.api.v2.operations import Operation, everything, operations
from tests.clients import Client, ok, problem

UNDOCUMENTED = {"docs.openapi", "docs.swagger"}


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    return dict(ok(client.get("/openapi.json")))


def test_it_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_it_has_every_route_and_no_other(shop: Flask) -> None:
    routes = set()
    for rule in shop.url_map.iter_rules():
        if rule.rule.startswith("/api/v2") and rule.endpoint not in UNDOCUMENTED:
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v2"))
            routes |= {(m, path) for m in rule.methods or () if m not in {"HEAD", "OPTIONS"}}
    assert {(operation.method, operation.path) for operation in operations(shop)} == routes
    assert len(routes) > 40


def test_every_operation_is_described(shop: Flask) -> None:
    document = shop.extensions["openapi"]["v2"]
    tags = {tag["name"] for tag in document["tags"]}
    names = [operation.spec["operationId"] for operation in operations(shop)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)
    for operation in operations(shop):
        spec = operation.spec
        assert spec["summary"].endswith((".", ":", ")")), operation.name
        assert set(spec["tags"]) <= tags
        assert spec["tags"]
        assert isinstance(spec["security"], list)
        for status, answer in spec["responses"].items():
            if status == "default" or int(status) >= 400:
                answer = resolved(document, answer)
                assert set(answer["content"]) == {"application/problem+json"}, operation.name
            assert answer["description"]
        for parameter in spec["parameters"]:
            known = parameter.get("description") or parameter["schema"].get("description")
            named = parameter["name"] in {"view", "publisher_id", "from", "to", "status", "q"}
            named = named or parameter["name"] in {"limit", "idle_days"}
            assert known or named, (operation.name, parameter["name"])
    schemas = str(document["paths"]) + str(document["components"])
    for name in document["components"]["schemas"]:
        assert f"'#/components/schemas/{name}'" in schemas, f"{name} is not used"


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow a $ref of any kind."""
    while "$ref" in node:
        _, *parts = node["$ref"].split("/")
        node = document
        for part in parts:
            node = node[part]
    return node


def test_headers_are_documented_where_they_are(shop: Flask) -> None:
    for operation in operations(shop):
        taken = {parameter["name"] for parameter in operation.spec["parameters"]}
        catalogue = operation.path.split("/")[1] in {"books", "authors", "categories", "publishers"}
        catalogue |= operation.path.split("/")[1] in {"coupons", "shipping-methods", "tax-rates"}
        if operation.method == "GET" and not operation.path.endswith(
            ("invoice", "stream", "{name}")
        ):
            assert "If-None-Match" in taken
            assert "ETag" in operation.spec["responses"]["200"]["headers"]
            assert "304" in operation.spec["responses"]
        if operation.method == "PATCH" and catalogue and "review" not in operation.path:
            assert "If-Match" in taken
            assert {"412", "428"} <= set(operation.spec["responses"])
        if operation.path.startswith("/cart"):
            assert "X-Cart-Token" in taken
        # A ticket is good once: the same one again would be of no use.
        if "201" in operation.spec["responses"] and operation.path != "/ws/tickets":
            assert "Idempotency-Key" in taken, operation.name
        if "cursor" in taken:
            assert "Link" in operation.spec["responses"]["200"]["headers"]


def check(document: dict[str, Any], operation: Operation, answer: Any) -> None:
    """Assert that an answer is one that the document promises."""
    responses = operation.spec["responses"]
    assert str(answer.status_code) in responses, (operation.name, answer.status_code)
    promised = resolved(document, responses[str(answer.status_code)])
    if not answer.data:
        return
    schema = promised["content"][answer.mimetype]["schema"]
    if answer.mimetype.endswith("json"):
        found = {**schema, "components": document["components"]}
        jsonschema.Draft202012Validator(found).validate(answer.get_json(force=True))
    for name in promised.get("headers", {}):
        optional = {"Link", "X-Cart-Token", "Idempotency-Replayed"}
        assert name in answer.headers or name in optional, (operation.name, name)


def test_answers_are_as_documented(shop: Flask) -> None:
    clerk, guest = everything(shop), Client(shop)
    document = shop.extensions["openapi"]["v2"]
    last = []
    for operation in operations(shop):
        if operation.method == "DELETE":
            last.append(operation)
            continue
        for asking in (clerk, guest):
            check(document, operation, operation.call(asking, operation.needed or None))
            check(document, operation, asking.call(operation.method, operation.url()))
            check(document, operation, asking.call(operation.method, operation.url(10**17)))
            check(document, operation, operation.call(asking, {"junk": 1}, "?junk=1"))
    for operation in sorted(last, key=lambda operation: operation.path == "/me"):
        for asking in (guest, clerk, clerk):
            check(document, operation, operation.call(asking))


def test_it_tells_what_receivers_get(document: dict[str, Any]) -> None:
    assert set(document["webhooks"]) == set(TYPES)
    for name, members in document["webhooks"].items():
        content = members["post"]["requestBody"]["content"]["application/json"]
        jsonschema.Draft202012Validator(content["schema"]).validate(content["example"])
        assert content["example"]["type"] == name
        named = {parameter["name"] for parameter in members["post"]["parameters"]}
        sent = webhook_signing.headers(["whsec_AAAA"], "evt_1", 1, name, b"{}")
        assert named == set(sent)


def test_the_page_runs_nothing_but_the_shops_own_files(client: Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    policy = dict(
        part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    text = page.get_data(as_text=True)
    nonces = set(re.findall(r'<script[^>]* nonce="([^"]+)"', text))
    assert [policy["script-src"]] == [f"'nonce-{nonce}'" for nonce in nonces]
    assert "unsafe" not in " ".join(policy.values())
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\son\w+\s*=|javascript:|https?:|[\"'(]//", text)
    links = re.findall(r'(?:src|href|data-document)="([^"]*)"', text)
    assert len(links) >= 5
    for link in links:
        answer = client.get(urljoin("/api/v2/docs", link))
        assert answer.status_code == 200, link
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.mimetype == "text/javascript" or not link.endswith(".js")
        answer.close()


def test_assets_are_the_wheels_only(client: Client) -> None:
    for name in ("../__init__.py", "%2e%2e/__init__.py", "none.js", "", "."):
        problem(client.get(f"/api/docs-assets/{name}"), 404, "not_found")


def test_every_code_is_explained(client: Client) -> None:
    problem_type = problem(client.get("/books/1"), 404, "not_found")["type"]
    found = ok(client.get(problem_type))
    assert (found["code"], found["status"]) == ("not_found", 404)
    problem(client.get("/problems/none"), 404, "not_found")


def test_clients_can_be_made_of_it(document: dict[str, Any]) -> None:
    shapes = document["components"]["schemas"]
    assert set(shapes["Order"]["required"]) == set(shapes["Order"]["properties"])
    assert set(shapes["Problem"]["properties"]) - set(shapes["Problem"]["required"]) == {"errors"}
    assert "required" not in shapes["BookPart"]
    for name, shape in shapes.items():
        for member, schema in shape.get("properties", {}).items():
            typed = {"type", "$ref", "anyOf"} & set(schema)
            assert typed, f"{name}.{member} may be anything"
            assert not str(schema.get("pattern", "^$")).endswith("Z")
            assert str(schema.get("pattern", "^$")).startswith("^")
    # The same words are the same enumeration: one type in a client, not one for each place.
    inline = [str(found) for found in re.findall(r"'enum': (\[[^]]+\])", str(document["paths"]))]
    inline += re.findall(r"'enum': (\[[^]]+\])", str(shapes))
    again = {words for words in inline if inline.count(words) > 1}
    assert again == {"['full', 'mobile']"}, again
