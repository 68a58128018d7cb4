"""Reading the catalogue. Rows come as plain mappings: columns straight to the schema.

Reads bypass the ORM's entities on purpose: a page of books is two statements and no objects.
"""

import operator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book, Category
from bookstore.models.catalog import (
    book_authors,
    book_categories,
)
from bookstore.services import book_views, paging, search
from bookstore.services.paging import Order, Page, PageRequest

SORTS: dict[str, tuple[Any, Any]] = {
    "title": (Book.title_sort, paging.parse_text),
    "price": (Book.price, paging.parse_int),
    "published": (Book.published_sort, paging.parse_date),
    "created": (Book.created_at, paging.parse_instant),
    "rating": (Book.rating_sort, paging.parse_int),
    "sales": (Book.sold, paging.parse_int),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BookFilter:
    """What narrows a list of books; prices in minor units, dates inclusive.

    ``category`` is a slug; of ``category_ids`` one will do.
    """

    q: str | None = None
    author_id: int | None = None
    category: str | None = None
    category_ids: tuple[int, ...] | None = None
    publisher_id: int | None = None
    status: str | None = None
    min_price: int | None = None
    max_price: int | None = None
    published_after: date | None = None
    published_before: date | None = None
    in_stock: bool | None = None


def list_books(
    wanted: BookFilter, sort: str | None, page: PageRequest, *, hung: bool = True
) -> Page:
    """Return one page of books that match.

    Args:
        wanted: the filters, all of which must hold.
        sort: one of SORT_NAMES; unset, relevance with ``q`` and newest first without.
        page: how many, from where.
        hung: with ``authors`` and ``categories`` (one more statement).

    Raises:
        Invalid: ``sort=relevance`` without ``q``, or a cursor of another list.
    """
    query = book_views.books().where(*_conditions(wanted))
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
    return found.of(book_views.views(found.data, hung=hung))


def get_book(book_id: int, *, hung: bool = True) -> dict[str, Any]:
    """Return one book (two statements; one without what is ``hung`` on it).

    Raises:
        NotFound: there is no such book.
    """
    rows = db.session.execute(book_views.books().where(Book.id == book_id)).all()
    if not rows:
        raise errors.NotFound(f"There is no book {book_id}.")
    return book_views.views(rows, hung=hung)[0]


def bestsellers(limit: int = 10) -> list[dict[str, Any]]:
    """Return the books with the most copies sold, then the most reviews."""
    query = book_views.books()
    query = query.order_by(Book.sold.desc(), Book.rating_count.desc(), Book.id).limit(limit)
    return book_views.views(db.session.execute(query).all())


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
    if wanted.category_ids is not None:
        on = book_categories.c
        found.append(exists().where(on.book_id == Book.id, on.category_id.in_(wanted.category_ids)))
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
