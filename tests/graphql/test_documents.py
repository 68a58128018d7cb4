"""Documents are kept parsed: no more than some, none with errors, and nothing of who asked."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from graphql import DocumentNode, parse

from bookstore.graphql.documents import MOST, Documents, kept
from bookstore.services.persisted_queries import LONGEST
from tests.clients import Client, ok
from tests.factories import new_book
from tests.graphql.conftest import Graph

ME = "query Me { me { username } }"
SIZED = "query($n: Int!) { allBooks(limit: $n) { title } }"
TWO = "query A { me { username } } query B { cart { totalItems } }"


def document(text: str = "{ me { id } }") -> DocumentNode:
    return parse(text)


def test_the_one_unused_for_longest_goes() -> None:
    some = Documents(2)
    for text in ("a", "b"):
        some.keep(text, document(), is_open=True)
    assert some.find("a", is_open=True) is not None
    some.keep("c", document(), is_open=True)
    assert [text for text in "abc" if some.find(text, is_open=True)] == ["a", "c"]
    assert len(some) == 2


def test_what_was_good_while_the_schema_was_told_is_looked_at_again() -> None:
    some = Documents(2)
    some.keep("a", document(), is_open=True)
    assert some.find("a", is_open=False) is None


def test_no_more_are_kept_than_some_and_none_that_is_long(guest: Graph) -> None:
    for n in range(MOST + 5):
        guest.ask(f"{{ me {{ id }} }} # {n}")
    assert len(kept) == MOST
    long = "{ me { id } }" + " " * LONGEST
    guest.ask(long)
    assert kept.find(long, is_open=True) is None


@pytest.mark.parametrize(
    "query", ["{ me { id }", "{ me { nothing } }", "query A { me { id } } { x }"]
)
def test_none_with_errors_is_kept(guest: Graph, query: str) -> None:
    first, again = (ok(guest.send(query))["errors"] for _ in range(2))
    assert [error["message"] for error in first] == [error["message"] for error in again]
    assert [error["locations"] for error in first] == [error["locations"] for error in again]
    assert kept.find(query, is_open=True) is None


def test_one_text_of_many_people(guest: Graph, people: tuple[Graph, Graph]) -> None:
    names = [person.ask(ME)["me"]["username"] for person in people]
    found = kept.find(ME, is_open=True)
    assert len(set(names)) == 2
    assert [person.ask(ME)["me"]["username"] for person in people] == names
    assert guest.ask(ME) == {"me": None}
    assert kept.find(ME, is_open=True) is found is not None


def test_one_text_with_many_variables(shop: Flask, guest: Graph) -> None:
    for n in range(3):
        new_book(shop, title=f"Volume {n}", isbn=None)
    for n in (1, 3, 2):
        assert len(guest.ask(SIZED, n=n)["allBooks"]) == n
    guest.refused(SIZED, "graphql_invalid", n="1")
    guest.refused(SIZED, "query_too_expensive", n=100_000)
    guest.refused(SIZED, "validation_failed", n=101)
    settings = shop.config["SETTINGS"]
    shop.config["SETTINGS"] = replace(settings, graphql_max_cost=2)
    try:
        guest.refused(SIZED, "query_too_expensive", n=2)
        guest.ask(SIZED, n=1)
    finally:
        shop.config["SETTINGS"] = settings


def test_one_text_with_many_operations(reader: Graph) -> None:
    answers: dict[str | None, Any] = {}
    for name in ("A", "B", None, "C", "A"):
        answers[name] = ok(reader.send(TWO, operationName=name))
    assert list(answers["A"]["data"]) == ["me"]
    assert answers["B"]["data"] == {"cart": {"totalItems": 0}}
    for name in (None, "C"):
        assert answers[name]["errors"][0]["extensions"]["code"] == "graphql_invalid"


def test_rights_are_asked_for_each_time(shop: Flask, people: tuple[Graph, Graph]) -> None:
    reader, clerk = people
    query = "{ wishlist { items { notes } } }"
    assert clerk.ask(query) == {"wishlist": {"items": []}}
    Graph(Client(shop)).refused(query, "unauthenticated")
    assert reader.ask(query) == {"wishlist": {"items": []}}


def test_what_goes_wrong_while_it_runs_is_placed_in_the_text(guest: Graph) -> None:
    query = "{\n  wishlist { items { notes } } }"
    for _ in range(2):
        assert guest.refused(query, "unauthenticated")["locations"] == [{"line": 2, "column": 3}]
    assert kept.find(query, is_open=True) is not None
