"""Queries that ask for too much are stopped before anything is asked of the database."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from tests.clients import Client, ok, statements
from tests.graphql.conftest import Graph


def deep(levels: int) -> str:
    """Return a query of so many levels of fields."""
    inner = "id"
    for level in range(levels - 2):
        inner = f"books(first: 1) {{ {inner} }}" if level % 2 else f"author {{ {inner} }}"
    first = "allAuthors" if inner.startswith("books") else "allBooks"
    return f"{{ {first}(limit: 1) {{ {inner} }} }}"


def laughs(rounds: int, spreads: int) -> str:
    """Return fragments that each spread the one before several times, which multiplies."""
    body = "fragment F0 on Book { title } "
    for n in range(1, rounds):
        body += f"fragment F{n} on Book {{ {f'...F{n - 1} ' * spreads}}} "
    return f"{{ book(id: 1) {{ ...F{rounds - 1} }} }} {body}"


CYCLE = """
{ book(id: 1) { ...A } }
fragment A on Book { author { ...B } }
fragment B on Author { books { ...A } }
"""
WIDE_BY_FRAGMENTS = """
{ allBooks(limit: 100) { ...A } }
fragment A on Book { title author { books(first: 50) { ...B } } }
fragment B on Book { title isbn }
"""
WIDE_BY_INLINE = (
    "{ allBooks(limit: 100) { ... on Book { author { ... { books(first: 50) { id } } } } } }"
)
WIDE_BY_VARIABLE = "query($n: Int!) { allBooks(limit: $n) { author { books(first: $n) { id } } } }"
ALIASES = "{ " + " ".join(f"a{n}: allAuthors(limit: 1) {{ id }}" for n in range(16)) + " }"
ALIASES_IN_FRAGMENTS = """
{ allBooks(limit: 1) { ...A } one: allBooks(limit: 2) { ...A } two: allBooks(limit: 3) { ...A } }
fragment A on Book { a: id b: id c: id d: id e: id }
"""


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        (deep(11), {}, "query_too_deep"),
        (deep(60), {}, "query_too_deep"),
        (deep(300), {}, "graphql_syntax"),
        (laughs(5, 10), {}, "query_too_expensive"),
        (laughs(50, 5), {}, "query_too_expensive"),
        (laughs(100, 1), {}, "query_too_deep"),
        (CYCLE, {}, "graphql_invalid"),
        (WIDE_BY_FRAGMENTS, {}, "query_too_expensive"),
        (WIDE_BY_INLINE, {}, "query_too_expensive"),
        (WIDE_BY_VARIABLE, {"n": 80}, "query_too_expensive"),
        (WIDE_BY_VARIABLE, {"n": 80.0}, "query_too_expensive"),
        ("{ allBooks(limit: 2000000000) { id } }", {}, "query_too_expensive"),
        (ALIASES, {}, "too_many_aliases"),
        (ALIASES_IN_FRAGMENTS, {}, "too_many_aliases"),
        ("{ allBooks { " + "id " * 1000 + "} }", {}, "graphql_syntax"),
        ("{ " * 20_000, {}, "graphql_syntax"),
        ("{ allBooks " + "{ author { books " * 20_000, {}, "graphql_syntax"),
        ("query($a: [[[[Int]]]] = " + "[" * 3000 + ") { me { id } }", {}, "graphql_syntax"),
    ],
)
def test_too_much(
    guest: Graph, shop: Flask, query: str, variables: dict[str, Any], code: str
) -> None:
    with statements(shop) as found:
        guest.refused(query, code, **variables)
    assert found == []


def test_the_most_that_is_answered(guest: Graph) -> None:
    guest.ask(deep(10))
    guest.ask(ALIASES.replace("a15:", ""))
    answer = ok(guest.send("{ allBooks(limit: 100) { id title author { id } } }"))
    # One field, and of each of a hundred books two fields and an author with one.
    assert answer["extensions"]["cost"] == {"requested": 401, "maximum": 5000}


def test_an_alias_of_the_same_name_is_none(guest: Graph) -> None:
    guest.ask("{ allBooks(limit: 1) { " + " ".join(["id: id"] * 20) + " } }")


def test_a_refused_query_tells_its_cost(guest: Graph) -> None:
    answer = ok(guest.send(WIDE_BY_FRAGMENTS))
    assert answer["extensions"]["cost"]["requested"] == 1 + 100 * (2 + 1 + 50 * 2)
    assert "data" not in answer


def test_the_cost_of_a_fragment_counts_each_time(guest: Graph) -> None:
    query = "{ a: allBooks(limit: 10) { ...F } b: allBooks(limit: 5) { ...F } } "
    answer = ok(guest.send(query + "fragment F on Book { id title }"))
    assert answer["extensions"]["cost"]["requested"] == 2 + 15 * 2


@pytest.mark.parametrize("size", [0, -1, 101])
def test_sizes_out_of_bounds_are_named(guest: Graph, size: int) -> None:
    error = guest.refused(f"{{ allBooks(limit: {size}) {{ id }} }}", "validation_failed")
    assert error["extensions"]["errors"] == {"limit": ["Must be from 1 to 100."]}
    guest.refused("{ allBooks(offset: -1) { id } }", "validation_failed")
    guest.refused(f"{{ books(first: {size}) {{ totalCount }} }}", "validation_failed")
    guest.refused('{ books(after: "nonsense") { totalCount } }', "validation_failed")
    guest.refused('{ books(sort: "colour") { totalCount } }', "validation_failed")


def test_the_maximum_is_a_setting(shop: Flask, guest: Graph) -> None:
    settings = shop.config["SETTINGS"]
    shop.config["SETTINGS"] = replace(settings, graphql_max_cost=100)
    try:
        guest.refused("{ allBooks(limit: 100) { id } }", "query_too_expensive")
        guest.ask("{ allBooks(limit: 99) { id } }")
    finally:
        shop.config["SETTINGS"] = settings


INTROSPECTION = "{ __schema { types { name fields { name type { name ofType { name } } } } } }"


def test_the_schema_is_told_outside_production_only(shop: Flask) -> None:
    guest = Graph(Client(shop))
    types = guest.ask(INTROSPECTION)["__schema"]["types"]
    assert {"Book", "Cart", "BookConnection"} <= {kind["name"] for kind in types}
    assert "Did you mean" in ok(guest.send("{ boks { x } }"))["errors"][0]["message"]
    settings = shop.config["SETTINGS"]
    shop.config["SETTINGS"] = replace(settings, graphql_introspection=False)
    try:
        for error in ok(guest.send(INTROSPECTION))["errors"]:
            assert error["extensions"]["code"] == "graphql_invalid"
        guest.refused('{ __type(name: "Book") { name } }', "graphql_invalid")
        # Nor are names told to who guesses near one.
        for near in ("{ boks { x } }", "{ allBooks { titel } }", "{ allBooks(limitt: 1) { id } }"):
            [error] = ok(guest.send(near))["errors"]
            assert "Did you mean" not in error["message"]
            assert error["message"].endswith((".", "'"))
        assert guest.ask("{ __typename }") == {"__typename": "Query"}
        assert guest.client.get("/graphql/", Accept="text/html").status_code == 405
    finally:
        shop.config["SETTINGS"] = settings


def test_types_cannot_be_told_without_end(guest: Graph) -> None:
    inner = "name"
    for _ in range(8):
        inner = f"fields {{ type {{ {inner} }} }}"
    guest.refused(f"{{ __schema {{ types {{ {inner} }} }} }}", "graphql_invalid")
