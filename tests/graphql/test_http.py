"""GraphQL over HTTP: types, statuses, keys, queries by their digest, the page for browsers."""

import hashlib
import logging
from typing import Any

import pytest
from flask import Flask
from graphql import build_client_schema, get_introspection_query

from bookstore.services import catalog, persisted_queries
from tests.clients import ok, problem
from tests.factories import new_book
from tests.graphql.conftest import ADD, CAMEL, PLACE, Graph

OWN_TYPE = "application/graphql-response+json"


def test_the_path_with_and_without_its_slash(guest: Graph) -> None:
    for path in ("/graphql/", "/graphql"):
        answer = guest.client.post(path, {"query": "{ me { id } }"})
        assert ok(answer)["data"] == {"me": None}
        assert answer.content_type == "application/json; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "X-Request-ID" in answer.headers


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": 1}, "query"),
        ({"query": "{ me { id } }", "variables": []}, "variables"),
        ({"query": "{ me { id } }", "operationName": 1}, "operationName"),
        ({"query": "{ me { id } }", "extra": 1}, "extra"),
        ({"query": "{ me { id } }", "extensions": {"persistedQuery": {"version": 2}}}, None),
        ([{"query": "{ me { id } }"}], "body"),
    ],
)
def test_requests_that_are_none(guest: Graph, body: Any, field: str | None) -> None:
    found = problem(guest.client.post("/graphql/", body), 422, "validation_failed")
    assert field is None or field in found["errors"]


def test_bodies_that_are_none(guest: Graph) -> None:
    problem(guest.client.post("/graphql/", "{"), 415, "unsupported_media_type")
    problem(
        guest.client.post("/graphql/", "{", Content_Type="application/json"), 400, "bad_request"
    )
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    problem(guest.client.post("/graphql/", "query={me{id}}", **form), 415, "unsupported_media_type")
    token = {"Authorization": "Bearer nonsense"}
    problem(
        guest.client.post("/graphql/", {"query": "{ me { id } }"}, **token), 401, "unauthenticated"
    )


def test_its_own_type_has_statuses(guest: Graph) -> None:
    for query, status in (
        ("{ me { id } }", 200),
        ("{ orders { totalCount } }", 200),
        ("{ nothing }", 400),
        ("{", 400),
    ):
        answer = guest.send(query, headers={"Accept": OWN_TYPE})
        assert answer.status_code == status
        assert answer.content_type == f"{OWN_TYPE}; charset=utf-8"
        assert ("data" in answer.get_json()) is (status == 200)


def test_which_operation(guest: Graph) -> None:
    two = "query A { me { id } } query B { cart { totalItems } }"
    assert ok(guest.send(two, operationName="B"))["data"] == {"cart": {"totalItems": 0}}
    for name in ("C", None):
        answer = ok(guest.send(two, operationName=name))
        assert answer["errors"][0]["extensions"]["code"] == "graphql_invalid"
    guest.refused("subscription { me }", "graphql_invalid")


def test_variables_that_do_not_fit_are_named(guest: Graph) -> None:
    query = "query($id: Int!) { book(id: $id) { id } }"
    for value in ("1", None, 2**31, 1.5):
        error = guest.refused(query, "graphql_invalid", id=value)
        assert "$id" in error["message"]
    answer = ok(guest.send(query))
    assert answer["errors"][0]["extensions"]["code"] == "graphql_invalid"


@pytest.mark.parametrize("field", ["allBooks(limit: $n)", "allBooks(offset: $n)"])
def test_a_variable_that_is_null_where_it_may_not_be(
    guest: Graph, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    query = f"query($n: Int) {{ {field} {{ id }} }} # of Jane Doe"
    with caplog.at_level(logging.WARNING):
        error = guest.refused(query, "graphql_invalid", n=None)
    assert "null" in error["message"]
    assert caplog.text == ""


def test_a_fault_is_told_to_nobody_but_the_log(
    guest: Graph, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(catalog, "list_books", broken)
    with caplog.at_level(logging.ERROR):
        error = guest.refused("{ allBooks { id } }", "internal_error")
    assert "secret" not in str(error)
    assert error["extensions"]["request_id"]
    assert "the secret of the house" in caplog.text


def test_a_query_by_its_digest(guest: Graph, reader: Graph) -> None:
    query = "query($n: Int!) { allBooks(limit: $n) { id } }"
    digest = hashlib.sha256(query.encode()).hexdigest()
    named = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    unknown = ok(guest.send(extensions=named, variables={"n": 1}))
    assert unknown["errors"][0]["message"] == "PersistedQueryNotFound"
    assert unknown["errors"][0]["extensions"]["code"] == "persisted_query_not_found"
    assert unknown["errors"][0]["extensions"]["request_id"]
    assert ok(guest.send(query, extensions=named, variables={"n": 1}))["data"] == {"allBooks": []}
    # To others as well.
    assert ok(reader.send(extensions=named, variables={"n": 1}))["data"] == {"allBooks": []}
    other = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    problem(guest.send(query, extensions=other, variables={"n": 1}), 422, "validation_failed")


def test_what_is_no_good_query_is_not_kept(guest: Graph) -> None:
    for query in ("{ nothing }", "{ me { id } }" + " " * persisted_queries.LONGEST):
        digest = hashlib.sha256(query.encode()).hexdigest()
        named = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
        guest.send(query, extensions=named)
        answer = ok(guest.send(extensions=named))
        assert answer["errors"][0]["message"] == "PersistedQueryNotFound"


def test_an_order_is_placed_once_under_its_key(shop: Flask, reader: Graph) -> None:
    reader.ask(ADD, book=new_book(shop))
    key = {"Idempotency-Key": "order-1"}
    first = reader.send(PLACE, variables={"address": CAMEL}, headers=key)
    again = reader.send(PLACE, variables={"address": CAMEL}, headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert ok(again) == ok(first)
    assert ok(first)["data"]["placeOrder"]["order"]["id"]
    other = reader.send(ADD, variables={"book": 1}, headers=key)
    problem(other, 422, "idempotency_key_reused")
    assert reader.ask("{ orders { totalCount } }")["orders"]["totalCount"] == 1


def test_under_a_key_it_is_all_or_nothing(shop: Flask, reader: Graph) -> None:
    book_id = new_book(shop)
    query = """mutation($b: Int!) {
        one: addToCart(bookId: $b) { cart { totalItems } }
        two: addToCart(bookId: 999999) { cart { totalItems } } }"""
    key = {"Idempotency-Key": "both"}
    for replayed in (None, "true"):
        answer = reader.send(query, variables={"b": book_id}, headers=key)
        assert ok(answer)["errors"][0]["extensions"]["code"] == "not_found"
        assert answer.headers.get("Idempotency-Replayed") == replayed
    assert reader.ask("{ cart { totalItems } }")["cart"]["totalItems"] == 0


def test_the_page_for_browsers(guest: Graph) -> None:
    page = guest.client.get("/graphql/", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    html = page.get_data(as_text=True)
    policy = page.headers["Content-Security-Policy"]
    assert page.status_code == 200
    assert html.count("integrity=") == 7
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert html.count(f'<script nonce="{nonce}"') == html.count("<script") == 6
    assert "script-src 'nonce-" + nonce + "';" in policy
    assert "unsafe-eval" not in policy
    problem(guest.client.get("/graphql/?query={me{id}}"), 405, "method_not_allowed")


def test_clients_can_be_made_from_the_schema(guest: Graph) -> None:
    schema = build_client_schema(guest.ask(get_introspection_query()))
    assert schema.query_type is not None
    assert "allBooks" in schema.query_type.fields
