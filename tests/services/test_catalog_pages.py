"""Pages of the whole catalogue have a statement for each usual length; all show the same books."""

import pytest
from flask import Flask

from bookstore.services import catalog
from bookstore.services.catalog import BookFilter
from bookstore.services.paging import Page, PageRequest
from tests.factories import make_book


@pytest.fixture
def books(app: Flask) -> list[int]:
    return [make_book(title=f"Book {number:02}").id for number in range(25)]


def ids(page: Page) -> list[int]:
    return [row["id"] for row in page.data]


@pytest.mark.parametrize("sort", ["title", "-title", "created", "-price"])
def test_usual_lengths_are_as_any_other(books: list[int], sort: str) -> None:
    def read(limit: int, cursor: str | None = None) -> Page:
        return catalog.list_books(BookFilter(), sort, PageRequest(limit, cursor, count=True))

    whole = read(99)
    assert sorted(ids(whole)) == books
    assert whole.next_cursor is None
    for limit in (10, 20, 13):
        first = read(limit)
        assert first.next_cursor is not None
        rest = read(limit, first.next_cursor)
        assert ids(first) == ids(whole)[:limit]
        assert ids(rest) == ids(whole)[limit : 2 * limit]
        assert first.total == rest.total == 25


def test_one_length_is_not_taken_for_another(books: list[int]) -> None:
    for limit in (20, 10, 20, 50, 7):
        page = catalog.list_books(BookFilter(), "title", PageRequest(limit))
        assert ids(page) == books[:limit]


def test_what_is_left_out_and_narrowed(books: list[int]) -> None:
    left_out = catalog.list_books(BookFilter(), "title", PageRequest(10, offset=5))
    assert ids(left_out) == books[5:15]
    narrowed = catalog.list_books(BookFilter(in_stock=True), "title", PageRequest(10))
    assert ids(narrowed) == books[:10]
    numbered = catalog.list_books(BookFilter(), "title", PageRequest(10, number=3))
    assert ids(numbered) == books[20:]
