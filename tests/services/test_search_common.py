"""Words that very many books have: those with most readers are found, from whichever index."""

import random

import pytest
from flask import Flask
from sqlalchemy import select, update

from bookstore.extensions import db
from bookstore.models import BookSearch
from bookstore.services import search, search_ranking
from bookstore.services.catalog import BookFilter, list_books
from bookstore.services.paging import PageRequest
from bookstore.services.sql import on_sqlite
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_book

# Around the bounds of what PostgreSQL has indexes for.
BOOSTS = (0, 1, 599, 600, 601, 679, 680, 700, 759, 760, 761, 839, 840, 841, 1200)


@pytest.fixture
def boosts(app: Flask) -> dict[int, int]:
    """Books with a garden in their titles, by id: how well read they are."""
    chance = random.Random(5)
    wanted = {make_book(f"Garden {n}").id: chance.choice(BOOSTS) for n in range(40)}
    make_book("River")
    with unit_of_work() as session:
        for book, boost in wanted.items():
            session.execute(
                update(BookSearch).where(BookSearch.book_id == book).values(boost=boost)
            )
    return wanted


@pytest.mark.parametrize("many", [1, 2, 7, 20, 39, 40, 41, 500])
def test_the_best_read_are_found(boosts: dict[int, int], many: int) -> None:
    sqlite = on_sqlite()
    query = search._parse("gard")
    assert query is not None
    statement = search_ranking.most_read(many, BookSearch.__table__.c.title, sqlite=sqlite)
    rows = db.session.execute(statement, search_ranking.text(query, sqlite=sqlite)).all()
    best = sorted(boosts, key=lambda book: (boosts[book], book), reverse=True)
    assert [row.book_id for row in rows] == best[:many]
    assert all(row.title.startswith("garden") for row in rows)


def test_sorted_otherwise_all_are_found(boosts: dict[int, int], app: Flask) -> None:
    found = list_books(BookFilter(q="garden"), "price", PageRequest(limit=100, count=True))
    assert {book["id"] for book in found.data} == set(boosts)
    assert found.total == 40
    # Mistyped as well.
    found = list_books(BookFilter(q="gardne"), "title", PageRequest(limit=100))
    assert {book["id"] for book in found.data} == set(boosts)
    assert list_books(BookFilter(q="zzzzzz"), "price", PageRequest(limit=100)).data == []


def test_suggestions_are_of_the_best_read(boosts: dict[int, int]) -> None:
    top = max(boosts, key=lambda book: (boosts[book], -book))
    assert search.suggest("gar", 1)[0]["id"] == top
    assert db.session.scalar(select(BookSearch.boost).where(BookSearch.book_id == top)) == 1200
