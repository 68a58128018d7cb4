"""Writing the catalogue as the CSV that ``catalog_import`` reads: importing it changes nothing."""

import csv
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TextIO

from sqlalchemy import select

from bookstore import money
from bookstore.extensions import db, settings
from bookstore.models import Author, Book, Category, Publisher
from bookstore.models.catalog import book_authors, book_categories
from bookstore.services.imports import cells
from bookstore.services.imports.rows import COLUMNS

_BATCH = 1000


def write_csv(stream: TextIO) -> int:
    """Write all books to ``stream`` in the order of their ids; return how many.

    Books are read a thousand at a time (three statements each), so memory stays small. A cell
    that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    last = count = 0
    while rows := _books_after(last):
        ids = [row.id for row in rows]
        authors, categories = _authors(ids), _categories(ids)
        for row in rows:
            names = [_full_name(row)] + [
                name for author_id, name in authors[row.id] if author_id != row.author_id
            ]
            writer.writerow([cells.guard(cell) for cell in _cells(row, names, categories[row.id])])
        last, count = ids[-1], count + len(rows)
    return count


def _books_after(last: int) -> list[Any]:
    query = (
        select(
            *(column for column in Book.__table__.c if column.name not in {"created_at"}),
            Author.first_name,
            Author.last_name,
            Publisher.name.label("publisher"),
        )
        .join(Author, Author.id == Book.author_id)
        .outerjoin(Publisher, Publisher.id == Book.publisher_id)
        .where(Book.id > last)
        .order_by(Book.id)
        .limit(_BATCH)
    )
    return list(db.session.execute(query))


def _authors(ids: list[int]) -> dict[int, list[tuple[int, str]]]:
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for row in db.session.execute(
        select(book_authors.c.book_id, Author.id, Author.first_name, Author.last_name)
        .join(Author, Author.id == book_authors.c.author_id)
        .where(book_authors.c.book_id.in_(ids))
        .order_by(book_authors.c.book_id, book_authors.c.position, Author.id)
    ):
        found[row.book_id].append((row.id, _full_name(row)))
    return found


def _categories(ids: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for book_id, name in db.session.execute(
        select(book_categories.c.book_id, Category.name)
        .join(Category, Category.id == book_categories.c.category_id)
        .where(book_categories.c.book_id.in_(ids))
        .order_by(book_categories.c.book_id, Category.name_sort, Category.id)
    ):
        found[book_id].append(name)
    return found


def _full_name(row: Any) -> str:
    return f"{row.first_name} {row.last_name}".strip()


def _cells(row: Any, authors: list[str], categories: Iterable[str]) -> list[str]:
    currency = settings().currency
    return [
        row.title,
        row.subtitle,
        cells.join(authors),
        row.isbn or "",
        row.sku,
        row.publisher or "",
        cells.join(categories),
        money.to_text(row.price, currency),
        currency,
        str(row.stock),
        "" if row.pages is None else str(row.pages),
        row.language,
        row.publication_date.isoformat() if row.publication_date else "",
        row.description,
        row.status,
        row.cover_url or "",
        "" if row.weight is None else str(row.weight),
        row.tax_category,
    ]
