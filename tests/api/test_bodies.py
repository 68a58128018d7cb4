"""Bodies that are deeper or fuller than any that makes sense are refused before they cost."""

from typing import Any

import pytest
from flask import Flask

from bookstore.blueprints.api import MAX_DEPTH, MAX_VALUES
from tests.clients import Client, ok, problem

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

PATHS = ("/auth/token", "/cart/items", "/graphql/")


def nested(depth: int, kind: str) -> Any:
    """Return JSON text: an object, arrays or objects inside it, ``depth`` of all."""
    if kind == "array":
        return '{"a":' + "[" * (depth - 1) + "1" + "]" * (depth - 1) + "}"
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize("kind", ["array", "object"])
def test_too_deep(client: Client, kind: str) -> None:
    for path in PATHS:
        for depth in (MAX_DEPTH + 1, 500, 100_000):
            answer = client.post(path, nested(depth, kind), Content_Type="application/json")
            detail = problem(answer, 400, "bad_request")["detail"]
            # Past a thousand the parser itself has had enough.
            assert "nested deeper than 64 levels" in detail or "depth limit" in detail
        # What is just not too deep is looked at, and refused for what it says.
        answer = client.post(path, nested(MAX_DEPTH, kind), Content_Type="application/json")
        problem(answer, 422, "validation_failed")


def test_too_full(client: Client) -> None:
    for path in PATHS:
        for full in ([0] * MAX_VALUES, {str(n): 0 for n in range(MAX_VALUES)}):
            answer = client.post(path, {"a": full})
            assert "more than 10000 values" in problem(answer, 400, "bad_request")["detail"]
        problem(client.post(path, {"a": [0] * (MAX_VALUES - 2)}), 422, "validation_failed")


def test_commas_in_a_text_are_no_values(shop: Flask, client: Client) -> None:
    body = {"username": "nobody", "password": ",[{" * MAX_VALUES}
    assert client.post("/auth/token", body).status_code in {401, 422}


def test_by_old_clients_in_their_shape(client: Client) -> None:
    answer = client.post("/api/token/", nested(70, "array"), Content_Type="application/json")
    assert ok(answer, 400) == {"detail": "The body is nested deeper than 64 levels."}


def test_variables_and_literals_of_graphql(client: Client) -> None:
    variables: Any = 1
    for _ in range(70):
        variables = [variables]
    query = "query ($a: Int!) { book(id: $a) { title } }"
    answer = client.post("/graphql/", {"query": query, "variables": {"a": variables}})
    assert "nested deeper" in problem(answer, 400, "bad_request")["detail"]
    for depth in (50, 450, 5_000, 200_000):
        deep = "{ book(id: " + "[" * depth + "1" + "]" * depth + ") { title } }"
        answer = client.post("/graphql/", {"query": deep})
        assert answer.status_code in {200, 400}, (depth, answer.get_data(as_text=True)[:300])
        told = answer.get_json()
        assert told.get("errors"), (depth, told)
