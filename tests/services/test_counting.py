"""Counts: exact while they are few; of many, what was counted lately."""

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db, redis_handle
from bookstore.models import Book
from bookstore.services import counting
from bookstore.unit_of_work import new_snapshot
from tests.clients import statements
from tests.factories import make_book


@pytest.fixture(autouse=True)
def few(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "EXACT", 3)
    monkeypatch.setattr(counting, "_many", set())


def count() -> int:
    new_snapshot()
    return counting.count(db.session(), select(Book.id).where(Book.price > 0))


def test_few_are_counted_each_time(app: Flask) -> None:
    for number in range(1, 4):
        make_book()
        assert count() == number


def test_many_are_counted_now_and_then(app: Flask) -> None:
    for _ in range(5):
        make_book()
    assert count() == 5
    make_book()
    with statements(app) as found:
        assert count() == 5
    assert found == []
    redis_handle.client.flushall()
    assert count() == 6


def test_what_another_process_counted_is_good_here_too(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        make_book()
    assert count() == 5
    make_book()
    monkeypatch.setattr(counting, "_many", set())
    with statements(app) as found:
        assert count() == 5
    assert len(found) == 1
