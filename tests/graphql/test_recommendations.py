"""What is recommended, in GraphQL: as REST has it, and as many statements for many as for one."""

from collections.abc import Sequence

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore.models import Book
from bookstore.services import recommended_lists, wishlist
from bookstore.services.actors import SYSTEM, Acting
from bookstore.services.recommending import fitting
from bookstore.unit_of_work import unit_of_work
from tests.clients import Client, ok, statements
from tests.factories import log_in, make_book, make_category, make_user
from tests.graphql.conftest import Graph
from tests.recommending import buy, make_shelf

BESIDE = "{ allBooks(limit: 50) { id recommendations { id } } }"


@pytest.fixture
def shelf(shop: Flask) -> list[int]:
    """Return the ids of a shelf's books, and of some on four others; some cannot be bought."""
    with shop.app_context():
        shelves = [make_category(name).id for name in ("A", "B", "C", "D")]
        books = make_shelf()
        for place in range(24):
            on = [one for number, one in enumerate(shelves) if place % (number + 2) == 0]
            books.append(make_book(category_ids=on, stock=place % 5).id)
        for place in (14, 16, 19, 26):
            buy(make_user(), books[place])
        fitting.fit(SYSTEM, "counts")
        with unit_of_work() as session:
            session.execute(update(Book).where(Book.id == books[1]).values(stock=0))
    return books


def beside(graph: Graph) -> dict[int, list[int]]:
    """Return the ids of what is recommended beside each book."""
    found = graph.ask(BESIDE)["allBooks"]
    return {book["id"]: [each["id"] for each in book["recommendations"]] for book in found}


def by_rest(client: Client, path: str) -> list[int]:
    """Return the ids of a list of REST."""
    return [book["id"] for book in ok(client.get(path))["data"]]


def test_beside_each_book_is_what_rest_has(shop: Flask, guest: Graph, shelf: list[int]) -> None:
    with shop.app_context():
        owner = make_user()
        buy(owner, shelf[2], shelf[16])
    reader = Graph(log_in(shop, owner))
    for graph in (guest, reader):
        found = beside(graph)
        assert set(found) == set(shelf)
        for book_id, listed in found.items():
            assert listed == by_rest(graph.client, f"/books/{book_id}/recommendations")
            assert shelf[1] not in listed  # sold out
    assert {len(listed) for listed in beside(guest).values()} == {10}
    assert beside(guest)[shelf[0]][0] == shelf[2]
    assert not any({shelf[2], shelf[16]} & set(listed) for listed in beside(reader).values())


def test_as_many_statements_for_many_as_for_one(
    shop: Flask, guest: Graph, shelf: list[int]
) -> None:
    told = "recommendations { title author { lastName } recommendations(first: 2) { title } }"
    counts = []
    for many in (1, 10):
        with statements(shop) as found:
            guest.ask(f"{{ allBooks(limit: {many}) {{ title {told} }} }}")
        counts.append(len(found))
    # The books; five for what is beside them, and for what is beside that; authors. The last may
    # all be known by then.
    assert max(counts) <= 12
    with statements(shop) as found:
        guest.ask("{ allBooks { recommendations { id author { lastName } } } }")
    assert len(found) == 7
    with statements(shop) as found:
        guest.ask("{ allBooks { one: recommendations(first: 1) { id } recommendations { id } } }")
    assert len(found) == 7  # which they are once, and what they are of each


def test_what_is_cut_off_has_nothing_loaded(
    shop: Flask, guest: Graph, shelf: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain of lists of one costs next to nothing, so it may not take ten, a hundred, all."""
    asked, load = [], recommended_lists.for_books

    def count(actor: Acting, book_ids: Sequence[int]) -> recommended_lists.Lists:
        asked.append(len(book_ids))
        return load(actor, book_ids)

    monkeypatch.setattr(recommended_lists, "for_books", count)
    chain = "recommendations(first: 1) { id " * 4 + "}" * 4
    guest.ask(f"{{ book(id: {shelf[0]}) {{ {chain} }} }}")
    assert 1 < len(asked) <= 4
    assert set(asked) == {1}
    asked.clear()
    with shop.app_context():
        reader = make_user()
    Graph(log_in(shop, reader)).ask(f"{{ me {{ {chain} }} }}")
    assert set(asked) == {1}


def test_how_many(guest: Graph, shelf: list[int]) -> None:
    found = guest.ask(f"{{ book(id: {shelf[0]}) {{ recommendations(first: 3) {{ id }} }} }}")
    assert len(found["book"]["recommendations"]) == 3
    for many in (0, 11):
        query = f"{{ book(id: {shelf[0]}) {{ recommendations(first: {many}) {{ id }} }} }}"
        guest.refused(query, "validation_failed")
    deep = "recommendations { recommendations { recommendations { id } } }"
    guest.refused(f"{{ allBooks {{ {deep} }} }}", "query_too_expensive")


def test_ones_own(shop: Flask, guest: Graph, shelf: list[int]) -> None:
    query = "{ me { recommendations(first: 10) { id author { lastName } categories { name } } } }"
    assert guest.ask(query) == {"me": None}
    with shop.app_context():
        reader = make_user()
        buy(reader, shelf[3])
        wishlist.add_item(reader, shelf[0])
    mine = Graph(log_in(shop, reader))
    found = [book["id"] for book in mine.ask(query)["me"]["recommendations"]]
    assert found == by_rest(mine.client, "/me/recommendations")
    assert set(found[:2]) == {shelf[2], shelf[4]}
    assert not {shelf[0], shelf[1], shelf[3]} & set(found)
    with statements(shop) as once:
        mine.ask("{ me { recommendations { id } } }")
    with statements(shop) as often:
        mine.ask("{ a: me { recommendations { id } } b: me { recommendations(first: 2) { id } } }")
    assert len(often) == len(once) + 1  # oneself, once more


def test_an_empty_shop(shop: Flask, guest: Graph) -> None:
    with shop.app_context():
        make_book()
    assert list(beside(guest).values()) == [[]]
