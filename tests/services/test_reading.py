"""Reads outside a transaction: what they see, and that nothing of them stays."""

import psycopg
import pytest
from flask import Flask

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book
from bookstore.services import catalog
from bookstore.services.catalog import BookFilter
from bookstore.services.paging import PageRequest
from bookstore.unit_of_work import reading, unit_of_work
from tests.factories import make_book


def titles() -> list[str]:
    page = catalog.list_books(BookFilter(min_price=0), "title", PageRequest())
    return [book["title"] for book in page.data]


def test_a_unit_of_work_reads_what_it_has_written(app: Flask) -> None:
    book_id = make_book("Before").id
    with pytest.raises(errors.NotFound), unit_of_work() as session:
        book = session.get_one(Book, book_id)
        book.title, book.title_sort = "Inside", "inside"
        session.flush()
        assert titles() == ["Inside"]
        assert catalog.get_book(book_id)["title"] == "Inside"
        raise errors.NotFound("so that it is rolled back")
    assert titles() == ["Before"]


def test_what_is_written_after_a_read_is_one_transaction(app: Flask) -> None:
    book_id = make_book("Before").id
    assert titles() == ["Before"]
    with pytest.raises(errors.NotFound), unit_of_work() as session:
        session.get_one(Book, book_id).title = "Lost"
        session.flush()
        raise errors.NotFound("so that it is rolled back")
    assert titles() == ["Before"]


def test_a_read_leaves_no_transaction_open(app: Flask) -> None:
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite's snapshots are transactions")
    assert titles() == []
    connection = reading(db.session()).connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    db.session.remove()
    assert not connection.autocommit
