"""Bad input is a 4xx problem that names the field, on every route there is (invariant 19)."""

import io
from collections.abc import Iterable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.api.v2.operations import Operation, everything, operations
from tests.clients import ADDRESS, Client, problem

TYPES: list[tuple[str, Any]] = [
    ("null", None),
    ("array", []),
    ("array", [[]]),
    ("object", {}),
    ("object", {"a": {}}),
    ("boolean", True),
    ("number", 1.5),
    ("number", 1e300),
    ("integer", 10**30),
    ("integer", -1),
    ("integer", 0),
    ("integer", 2**63),
    ("string", ""),
    ("string", "a\0b"),
    ("string", "x" * 200_000),
    ("string", "9" * 5000),
    ("string", "\U0010ffff\u202e\r\n"),
    ("string", "%s %(x)s {0} ' \" \\ -- ;"),
]


@pytest.fixture
def clerk(shop: Flask) -> Client:
    return everything(shop)


def fault(answer: TestResponse, statuses: Iterable[int], field: str | None = None) -> str | None:
    """Return what is wrong with a refusal, None when it is as it should be."""
    body = answer.get_json(force=True, silent=True) or {}
    if answer.status_code not in statuses:
        return f"{answer.status_code} {answer.get_data(as_text=True)[:300]}"
    if answer.content_type != "application/problem+json":
        return f"is {answer.content_type}"
    if body.get("request_id") != answer.headers["X-Request-ID"] or not body.get("code"):
        return f"no code or request_id in {body}"
    if answer.status_code == 422:
        named = [name.split(".")[0] for name in body.get("errors", {})]
        if not named or (field is not None and field not in named):
            return f"does not name {field}: {body}"
    return None


def allowed(schema: dict[str, Any]) -> set[str]:
    """Return the JSON types of a schema."""
    if "anyOf" in schema:
        return set().union(*(allowed(option) for option in schema["anyOf"]))
    kind = schema.get("type", "object" if "$ref" in schema or "allOf" in schema else [])
    return {kind} if isinstance(kind, str) else set(kind)


def fields_of(operation: Operation) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return (field, its schema, the valid rest of the body) of each field."""
    body = operation.body
    if body is None:
        return []
    return [(name, schema, operation.needed) for name, schema in body["properties"].items()]


def test_the_table_of_bodies_is_complete(shop: Flask) -> None:
    for operation in operations(shop):
        body = operation.body or {}
        assert set(body.get("required", [])) <= set(operation.needed), operation.name


def test_unknown_query_parameters(shop: Flask, clerk: Client) -> None:
    wrong = {}
    for operation in operations(shop):
        for query in ("?junk=1", "?junk", "?limit%00=1", "?é=1", "?[]=1", "?q[]=1"):
            name = query[1:].partition("=")[0].replace("%00", "\0")
            wrong[f"{operation.name}{query}"] = fault(
                operation.call(clerk, operation.needed or None, query), {422}, name
            )
    assert {name: why for name, why in wrong.items() if why} == {}


def test_query_strings_that_are_not_text(shop: Flask, clerk: Client) -> None:
    wrong = {}
    for operation in operations(shop):
        for query in ("?q=%ff", "?%ff=1", "?limit=1%e9", "?q=%ed%a0%80", "?q=%c3"):
            wrong[f"{operation.name}{query}"] = fault(
                operation.call(clerk, operation.needed or None, query), {400}
            )
    assert {name: why for name, why in wrong.items() if why} == {}


def test_repeated_query_parameters(shop: Flask, clerk: Client) -> None:
    wrong = {}
    for operation in operations(shop):
        for parameter in operation.spec.get("parameters", []):
            if parameter["in"] == "query":
                name = parameter["name"]
                for query in (f"?{name}=1&{name}=2", f"?{name}=1&{name}=1"):
                    answer = operation.call(clerk, query=query)
                    wrong[f"{operation.name}{query}"] = fault(answer, {422}, name)
    assert wrong
    assert {name: why for name, why in wrong.items() if why} == {}


def test_unusual_query_strings_are_answered(clerk: Client) -> None:
    for query in ("q=%", "q=%zz", "q=%2", "", "&&&", "q=+", "q=%F0%9F%98%80", "limit=1&"):
        assert clerk.get(f"/books?{query}").status_code in {200, 422}
    for query in ("=1", "q=a%00", "limit=1%00", "cursor=%00", "q;limit=1", "q=1;limit"):
        assert clerk.get(f"/books?{query}").status_code in {200, 422}


def test_unknown_fields(shop: Flask, clerk: Client) -> None:
    wrong = {}
    for operation in operations(shop):
        if operation.body is not None:
            for name in ("junk", "", "_schema", "__proto__", "id", "\0", "a.b"):
                if name not in operation.body["properties"]:
                    answer = operation.call(clerk, {**operation.needed, name: 1})
                    top = name.split(".")[0]
                    named = None if top in {"", "_schema"} else top
                    wrong[f"{operation.name} {name!r}"] = fault(answer, {422}, named)
    assert {name: why for name, why in wrong.items() if why} == {}


def test_values_of_every_type_in_every_field(shop: Flask, clerk: Client) -> None:
    wrong: dict[str, str | None] = {}
    for operation in operations(shop):
        for field, schema, rest in fields_of(operation):
            types = allowed(schema)
            assert types, (operation.name, field)
            types |= {"integer"} if "number" in types else set()
            for kind, value in TYPES:
                answer = operation.call(clerk, {**rest, field: value})
                name = f"{operation.name} {field}={str(value)[:20]!r}"
                if kind not in types:
                    wrong[name] = fault(answer, {422}, field)
                elif answer.status_code >= 400:
                    # With a good value it may be refused for what it means.
                    told = answer.get_data(as_text=True)
                    other = "present password" in told or "token_invalid" in told
                    # Of many wrong codes for one account the next has to wait.
                    other |= answer.status_code == 429 and operation.path == "/auth/token"
                    named = None if other else field
                    wrong[name] = fault(answer, {401, 404, 409, 422, 429}, named)
    assert len(wrong) > 300
    assert {name: why for name, why in wrong.items() if why} == {}


def test_values_inside_an_address(shop: Flask, clerk: Client) -> None:
    wrong = {}
    for path in ("/orders", "/cart/quote"):
        for field in (*ADDRESS, "line2", "region"):
            for kind, value in TYPES:
                body = {"shipping_address": {**ADDRESS, field: value}}
                answer = clerk.post(path, body)
                if kind != "string" or len(str(value)) > 200:
                    wrong[f"{path} {field} {kind}"] = fault(answer, {422}, "shipping_address")
                assert answer.status_code < 500
        body = problem(
            clerk.post(path, {"shipping_address": {**ADDRESS, "city": 1}}), 422, "validation_failed"
        )
        assert set(body["errors"]) == {"shipping_address.city"}
    assert {name: why for name, why in wrong.items() if why} == {}


NOT_OBJECTS = [b"[]", b"[{}]", b'"text"', b"1", b"null", b"true", b"[1,2]"]
NOT_JSON = [
    b"{", b"{'a': 1}", b"a=1", b"{}{}", b'{"a": NaN}', b'{"a": "\xff"}', b"\xff\xfe{\x00}\x00",
    b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000, b"\0", b" ", b"{,}",
    b'{"a": "\\ud800"}', b"\xef\xbb\xbf{}", b'{"a": 1e999999}'[:8], b'{"a": "\x01"}',
]  # fmt: skip


def test_bodies_that_are_no_objects_or_no_json(shop: Flask, clerk: Client) -> None:
    wrong = {}
    json = {"Content_Type": "application/json"}
    for operation in operations(shop):
        if operation.body is None:
            continue
        for raw in NOT_OBJECTS:
            answer = operation.call(clerk, raw, **json)
            wrong[f"{operation.name} {raw!r}"] = fault(answer, {422}, "body")
        for raw in NOT_JSON:
            answer = operation.call(clerk, raw, **json)
            wrong[f"{operation.name} {raw[:20]!r}"] = fault(answer, {400})
        for kind in ("text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"):
            answer = operation.call(clerk, b"{}", Content_Type=kind)
            wrong[f"{operation.name} {kind}"] = fault(answer, {415})
        if operation.needed:
            for kind in (
                "application/json; charset=utf-16",
                "APPLICATION/JSON",
                "application/json",
            ):
                answer = operation.call(clerk, b"", Content_Type=kind)
                wrong[f"{operation.name} empty {kind}"] = fault(answer, {422})
    assert wrong
    assert {name: why for name, why in wrong.items() if why} == {}


def test_bodies_that_are_too_large(shop: Flask, clerk: Client) -> None:
    raw = b'{"title": "' + b"x" * 1024 * 1024 + b'"}'
    wrong = {}
    for operation in operations(shop):
        if operation.body is None:
            continue
        answer = operation.call(clerk, raw, Content_Type="application/json")
        wrong[operation.name] = fault(answer, {413})
        chunked = clerk.http.open(
            f"/api/v2{operation.url()}",
            method=operation.method,
            input_stream=io.BytesIO(raw),
            headers={
                **clerk.headers,
                "If-Match": "*",
                "Content-Type": "application/json",
                "Transfer-Encoding": "chunked",
            },
            environ_overrides={"wsgi.input_terminated": True},
        )
        wrong[f"{operation.name} chunked"] = fault(chunked, {413})
    assert {name: why for name, why in wrong.items() if why} == {}
