"""Reading the catalogue. Rows come as plain mappings: columns straight to the schema.

Reads bypass the ORM's entities on purpose: a page of books is two statements and no objects.
"""

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal, or_, select, union_all

from bookstore import errors
from bookstore.extensions import db, settings
from bookstore.models import Author, Book, Category, Publisher
from bookstore.models.catalog import (
    average_rating,
    book_authors,
    book_categories,
    public_status,
    stock_state,
)
from bookstore.services import paging, search
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.services.sql import AnyRow, AnySelect

SORTS: dict[str, tuple[Any, Any]] = {
    "title": (Book.title_sort, paging.parse_text),
    "price": (Book.price, paging.parse_int),
    "published": (Book.published_sort, paging.parse_date),
    "created": (Book.created_at, paging.parse_instant),
    "rating": (Book.rating_sort, paging.parse_int),
    "sales": (Book.sold, paging.parse_int),
}
# As the contract has them: title, price and publication run both ways, the rest best first.
SORT_NAMES = (
    "title",
    "-title",
    "price",
    "-price",
    "published",
    "-published",
    "-created",
    "-rating",
    "-sales",
    "relevance",
)

_COLUMNS = (
    Book.id,
    Book.title,
    Book.subtitle,
    Book.isbn,
    Book.sku,
    Book.description,
    Book.pages,
    Book.language,
    Book.publication_date,
    Book.status,
    Book.price,
    Book.stock,
    Book.rating_sum,
    Book.rating_count,
    Book.cover_url,
    Book.version,
    Book.created_at,
    Book.updated_at,
    Author.id.label("author_id"),
    Author.first_name,
    Author.last_name,
    Publisher.id.label("publisher_id"),
    Publisher.name.label("publisher_name"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookFilter:
    """What narrows a list of books; prices in minor units, dates inclusive."""

    q: str | None = None
    author_id: int | None = None
    category: str | None = None
    publisher_id: int | None = None
    status: str | None = None
    min_price: int | None = None
    max_price: int | None = None
    published_after: date | None = None
    published_before: date | None = None
    in_stock: bool | None = None


def list_books(wanted: BookFilter, sort: str | None, page: PageRequest) -> Page:
    """Return one page of books that match.

    Args:
        wanted: the filters, all of which must hold.
        sort: one of SORT_NAMES; unset, relevance with ``q`` and newest first without.
        page: how many, from where.

    Raises:
        Invalid: ``sort=relevance`` without ``q``, or a cursor of another list.
    """
    query = _books().where(*_conditions(wanted))
    name = sort or ("relevance" if wanted.q is not None else "-created")
    hits = None
    if wanted.q is not None:
        hits = search.matches(wanted.q)
        if hits is None:
            return Page([], None, 0 if page.count else None)
        query = query.join(hits, hits.c.book_id == Book.id)
    if name == "relevance":
        if hits is None:
            raise errors.Invalid({"sort": ["relevance needs q."]})
        order = Order(name, hits.c.score, Book.id, True, paging.parse_int)
    else:
        column, parse = SORTS[name.removeprefix("-")]
        order = Order(name, column, Book.id, name.startswith("-"), parse)
    found = paging.fetch(db.session(), query, order, page)
    return Page(_views(found.data), found.next_cursor, found.total)


def get_book(book_id: int) -> dict[str, Any]:
    """Return one book (two statements).

    Raises:
        NotFound: there is no such book.
    """
    rows = db.session.execute(_books().where(Book.id == book_id)).all()
    if not rows:
        raise errors.NotFound(f"There is no book {book_id}.")
    return _views(rows)[0]


def bestsellers(limit: int = 10) -> list[dict[str, Any]]:
    """Return the books with the most copies sold, then the most reviews."""
    query = _books().where(Book.sold > 0)
    query = query.order_by(Book.sold.desc(), Book.rating_count.desc(), Book.id).limit(limit)
    return _views(db.session.execute(query).all())


def summaries(book_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return what carts and wishlists show of books, by id (one statement)."""
    rows = db.session.execute(
        select(*SUMMARY_COLUMNS)
        .join(Author, Author.id == Book.author_id)
        .where(Book.id.in_(list(book_ids)))
    )
    return {row.id: summary(row) for row in rows}


SUMMARY_COLUMNS = (
    Book.id,
    Book.title,
    Book.isbn,
    Book.price,
    Book.status,
    Book.stock,
    Book.cover_url,
    Author.id.label("author_id"),
    Author.first_name,
    Author.last_name,
)


def summary(row: AnyRow) -> dict[str, Any]:
    """Return the small book view of a row that has SUMMARY_COLUMNS."""
    return {
        "id": row.id,
        "title": row.title,
        "isbn": row.isbn,
        "author": _author(row),
        "price": row.price,
        "currency": settings().currency,
        "status": public_status(row.status, row.stock),
        "stock_state": stock_state(row.status, row.stock),
        "cover": _cover(row.cover_url),
    }


def _books() -> AnySelect:
    return (
        select(*_COLUMNS)
        .join(Author, Author.id == Book.author_id)
        .outerjoin(Publisher, Publisher.id == Book.publisher_id)
    )


def _conditions(wanted: BookFilter) -> list[ColumnElement[bool]]:
    tests: list[tuple[Any, Any, Any]] = [
        (wanted.publisher_id, operator.eq, Book.publisher_id),
        (wanted.min_price, operator.ge, Book.price),
        (wanted.max_price, operator.le, Book.price),
        (wanted.published_after, operator.ge, Book.publication_date),
        (wanted.published_before, operator.le, Book.publication_date),
    ]
    found: list[ColumnElement[bool]] = [
        compare(column, value) for value, compare, column in tests if value is not None
    ]
    if wanted.author_id is not None:
        by = book_authors.c
        found.append(exists().where(by.book_id == Book.id, by.author_id == wanted.author_id))
    if wanted.category is not None:
        on = book_categories.c
        found.append(
            exists().where(
                on.book_id == Book.id,
                on.category_id
                == select(Category.id).where(Category.slug == wanted.category).scalar_subquery(),
            )
        )
    sold_out = and_(Book.status == "available", Book.stock == 0)
    if wanted.status == "available":
        found.append(and_(Book.status == "available", Book.stock > 0))
    elif wanted.status == "out_of_stock":
        found.append(or_(Book.status == "out_of_stock", sold_out))
    elif wanted.status is not None:
        found.append(Book.status == wanted.status)
    if wanted.in_stock is not None:
        buyable = and_(Book.status == "available", Book.stock > 0)
        found.append(buyable if wanted.in_stock else ~buyable)
    return found


def _views(rows: Iterable[AnyRow]) -> list[dict[str, Any]]:
    rows = list(rows)
    authors, categories = _hung_on([row.id for row in rows])
    currency = settings().currency
    return [
        {
            "id": row.id,
            "title": row.title,
            "subtitle": row.subtitle,
            "isbn": row.isbn,
            "sku": row.sku,
            "description": row.description,
            "pages": row.pages,
            "language": row.language,
            "status": public_status(row.status, row.stock),
            "price": row.price,
            "currency": currency,
            "stock": row.stock,
            "stock_state": stock_state(row.status, row.stock),
            "publication_date": row.publication_date,
            "author": _author(row),
            "authors": authors.get(row.id, []),
            "publisher": None
            if row.publisher_id is None
            else {"id": row.publisher_id, "name": row.publisher_name},
            "categories": categories.get(row.id, []),
            "cover": _cover(row.cover_url),
            "average_rating": average_rating(row.rating_sum, row.rating_count),
            "review_count": row.rating_count,
            "version": row.version,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        for row in rows
    ]


def _author(row: AnyRow) -> dict[str, Any]:
    return {"id": row.author_id, "full_name": f"{row.first_name} {row.last_name}".strip()}


def _cover(url: str | None) -> dict[str, str] | None:
    return None if url is None else {"url": url, "thumbnail_url": url}


def _hung_on(
    book_ids: list[int],
) -> tuple[dict[int, list[dict[str, Any]]], dict[int, list[dict[str, Any]]]]:
    """Return the authors and the categories of books, by book id, in one statement."""
    authors: dict[int, list[dict[str, Any]]] = {}
    categories: dict[int, list[dict[str, Any]]] = {}
    if not book_ids:
        return authors, categories
    by, on = book_authors.c, book_categories.c
    people = (
        select(
            by.book_id,
            literal("author").label("kind"),
            Author.id,
            (Author.first_name + " " + Author.last_name).label("name"),
            literal("").label("slug"),
            by.position.label("place"),
        )
        .join_from(book_authors, Author, Author.id == by.author_id)
        .where(by.book_id.in_(book_ids))
    )
    shelves = (
        select(
            on.book_id,
            literal("category").label("kind"),
            Category.id,
            Category.name,
            Category.slug,
            literal(0).label("place"),
        )
        .join_from(book_categories, Category, Category.id == on.category_id)
        .where(on.book_id.in_(book_ids))
    )
    rows = db.session.execute(union_all(people, shelves)).all()
    for row in sorted(rows, key=lambda row: (row.place, row.slug)):
        if row.kind == "author":
            person = {"id": row.id, "full_name": row.name.strip()}
            authors.setdefault(row.book_id, []).append(person)
        else:
            shelf = {"id": row.id, "name": row.name, "slug": row.slug}
            categories.setdefault(row.book_id, []).append(shelf)
    return authors, categories
