"""A book with everything about those it hangs on: what a page of its own shows."""

from typing import Any

from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import Category, Publisher
from bookstore.models.catalog import book_categories
from bookstore.services import catalog, catalog_records
from bookstore.services.catalog_records import AUTHORS


def get(book_id: int) -> dict[str, Any]:
    """Return a book as ``catalog.get_book`` does, but with whole records: ``author`` (with
    ``books_count``), ``categories``, ``publisher`` (six statements at most).

    Raises:
        NotFound: there is no such book.
    """
    book = catalog.get_book(book_id)
    shelves = (
        select(Category)
        .join(book_categories, book_categories.c.category_id == Category.id)
        .where(book_categories.c.book_id == book_id)
        .order_by(Category.slug)
    )
    publisher = book["publisher"]
    return {
        **book,
        "author": catalog_records.get_record(AUTHORS, book["author"]["id"]),
        "categories": db.session.scalars(shelves).all(),
        "publisher": publisher and db.session.get(Publisher, publisher["id"]),
    }
