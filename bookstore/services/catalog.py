"""Reading the catalogue. Rows come as plain mappings: columns straight to the schema.

Reads bypass the ORM's entities on purpose: a page of books is one statement and no objects.
The statements are built once for each way to ask (which filters, which order) and kept: to build
and to look through one takes longer than to run it.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache, partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    ScalarSelect,
    String,
    Subquery,
    and_,
    bindparam,
    exists,
    or_,
    select,
)

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book, Category
from bookstore.models.catalog import (
    book_authors,
    book_categories,
)
from bookstore.selecting import Reader, fetch
from bookstore.services import book_views, paging, search, search_ranking
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.services.sql import AnySelect, among, ids, on_sqlite, planned_anew
from bookstore.unit_of_work import reading

SORTS: dict[str, tuple[Any, Any]] = {
    "title": (Book.title_sort, paging.parse_text),
    "price": (Book.price, paging.parse_int),
    "published": (Book.published_sort, paging.parse_date),
    "created": (Book.created_at, paging.parse_instant),
    "rating": (Book.rating_sort, paging.parse_int),
    "sales": (Book.sold, paging.parse_int),
}


# How many are asked for at once: so few numbers that each may have statements of its own.
_USUAL = frozenset({10, 20, 50, 100})


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
        hung: with ``authors`` and ``categories``.

    Raises:
        Invalid: ``sort=relevance`` without ``q``, or a cursor of another list.
    """
    name = sort or ("relevance" if wanted.q is not None else "-created")
    search_for = None
    if wanted.q is not None:
        search_for = search.matches(wanted.q, ranked=name == "relevance")
        if search_for is None:
            return Page([], None, 0 if page.count else None)
    elif name == "relevance":
        raise errors.Invalid({"sort": ["relevance needs q."]})
    found = _read(wanted, search_for, name, page, hung=hung)
    return found.of(book_views.views(found.data, hung=hung))


def _read(
    wanted: BookFilter,
    search_for: search.Found | None,
    sort: str,
    page: PageRequest,
    *,
    hung: bool,
) -> Page:
    sqlite = on_sqlite()
    given = _given(wanted, sqlite=sqlite)
    shape = search_for and search_for.shape
    is_whole = not given and (wanted.status, wanted.in_stock, shape) == (None, None, None)
    asked = _shape(page, fixed=is_whole and page.number is None and page.limit in _USUAL)
    made = _statements(
        frozenset(given), wanted.status, wanted.in_stock, shape, sort, asked, sqlite, hung
    )
    if search_for is not None:
        given |= search_for.values
    return paging.run(Reader(db.session()), made, page, given)


def get_book(book_id: int, *, hung: bool = True) -> dict[str, Any]:
    """Return one book, with what is ``hung`` on it or without.

    Raises:
        NotFound: there is no such book.
    """
    rows = fetch(db.session(), _one(hung, on_sqlite()), {"book_id": book_id})
    if not rows:
        raise errors.NotFound(f"There is no book {book_id}.")
    return book_views.views(rows, hung=hung)[0]


def bestsellers(limit: int = 10) -> list[dict[str, Any]]:
    """Return the books with the most copies sold, then the most reviews."""
    found = (
        book_views.books()
        .add_columns(Book.sold)
        .order_by(Book.sold.desc(), Book.rating_count.desc(), Book.id)
        .limit(limit)
        .subquery("found")
    )
    best = (found.c.sold.desc(), found.c.rating_count.desc(), found.c.id)
    query = book_views.hang(found, sqlite=on_sqlite()).order_by(*best)
    return book_views.views(reading(db.session()).execute(query).all())


@cache
def _one(hung: bool, sqlite: bool) -> AnySelect:
    query = book_views.books().where(Book.id == bindparam("book_id", type_=BigInteger()))
    return book_views.hang(query.subquery("found"), sqlite=sqlite) if hung else query


def _compared(column: Any, compare: Callable[[Any, Any], Any], kind: Any) -> Callable[[str], Any]:
    return lambda name: compare(column, bindparam(name, type_=kind))


def _by_author(name: str) -> ColumnElement[bool]:
    by = book_authors.c
    return exists().where(
        by.book_id == Book.id, by.author_id == bindparam(name, type_=BigInteger())
    )


def _in_category(name: str) -> ColumnElement[bool]:
    on = book_categories.c
    return exists().where(on.book_id == Book.id, on.category_id == _category(name))


def _category(name: str) -> ScalarSelect[int]:
    slug = bindparam(name, type_=String())
    return select(Category.id).where(Category.slug == slug).scalar_subquery()


# Filters with a value that is given to the statement, and the condition that each stands for.
_FILTERS: dict[str, Callable[[str], ColumnElement[bool]]] = {
    "publisher_id": _compared(Book.publisher_id, operator.eq, BigInteger()),
    # What is asked for may be past what the column holds: compared, not stored.
    "min_price": _compared(Book.price, operator.ge, BigInteger()),
    "max_price": _compared(Book.price, operator.le, BigInteger()),
    "published_after": _compared(Book.publication_date, operator.ge, Date()),
    "published_before": _compared(Book.publication_date, operator.le, Date()),
    "author_id": _by_author,
    "category": _in_category,
}


def _given(wanted: BookFilter, *, sqlite: bool) -> dict[str, Any]:
    """Return the values of the statement's parameters."""
    found = {name: getattr(wanted, name) for name in _FILTERS}
    given = {name: value for name, value in found.items() if value is not None}
    if wanted.category_ids is not None:
        given["category_ids"] = ids(wanted.category_ids, sqlite=sqlite)
    return given


def _shape(page: PageRequest, *, fixed: bool) -> PageRequest:
    """Return a request that stands for all that make the same statement.

    Its ``limit`` is 0 unless it is ``fixed``, and stands in the statement.
    """
    return PageRequest(
        limit=page.limit if fixed else 0,
        cursor=page.cursor and "given",
        count=page.count,
        number=None if page.number is None else 1,
        offset=page.offset and 1,
    )


@lru_cache(maxsize=500)
def _statements(
    names: frozenset[str],
    status: str | None,
    in_stock: bool | None,
    search_for: search_ranking.Shape | None,
    sort: str,
    page: PageRequest,
    sqlite: bool,
    hung: bool,
) -> paging.Statements:
    """Return the statements of a page."""
    made = _bare(names, status, in_stock, search_for, sort, page, sqlite)
    return paging.around(made, partial(book_views.hang, sqlite=sqlite)) if hung else made


def _bare(
    names: frozenset[str],
    status: str | None,
    in_stock: bool | None,
    search_for: search_ranking.Shape | None,
    sort: str,
    page: PageRequest,
    sqlite: bool,
) -> paging.Statements:
    conditions = _conditions(names, status, in_stock, sqlite=sqlite)
    if search_for is not None and sort == "relevance":
        return _ranked(search_ranking.hits(search_for), conditions, page)
    query = book_views.books().where(*conditions)
    # Counted, and skipped, without the joins that only show something.
    wanted = select(Book.id).where(*conditions)
    if search_for is not None:
        hits = search_ranking.matching(sqlite=sqlite)
        query = planned_anew(query.join(hits, hits.c.book_id == Book.id))
        wanted = planned_anew(wanted.join(hits, hits.c.book_id == Book.id))
    column, parse = SORTS[sort.removeprefix("-")]
    order = Order(sort, column, Book.id, sort.startswith("-"), parse)
    counted = None
    if names == {"category"} and (status, in_stock, search_for) == (None, None, None):
        # As many as stand on the shelf: no need to look at the books.
        on = book_categories.c
        counted = select(on.book_id).where(on.category_id == _category("category"))
    return paging.statements(query, order, page, wanted, counted=counted, is_fixed=page.limit > 0)


def _ranked(
    hits: Subquery, conditions: list[ColumnElement[bool]], page: PageRequest
) -> paging.Statements:
    """Return the statements of a page by relevance: books are looked at when it is known which."""
    wanted = select(hits.c.book_id)
    if conditions:
        wanted = wanted.join(Book, Book.id == hits.c.book_id).where(*conditions)
    order = Order("relevance", hits.c.score, hits.c.book_id, True, paging.parse_int)
    return paging.statements(book_views.books(), order, page, wanted, found_by=Book.id)


def _conditions(
    names: frozenset[str], status: str | None, in_stock: bool | None, *, sqlite: bool
) -> list[ColumnElement[bool]]:
    found = [condition(name) for name, condition in _FILTERS.items() if name in names]
    if "category_ids" in names:
        on = book_categories.c
        shelved = among(on.category_id, "category_ids", sqlite=sqlite)
        found.append(exists().where(on.book_id == Book.id, shelved))
    buyable = and_(Book.status == "available", Book.stock > 0)
    if status == "available":
        found.append(buyable)
    elif status == "out_of_stock":
        sold_out = and_(Book.status == "available", Book.stock == 0)
        found.append(or_(Book.status == "out_of_stock", sold_out))
    elif status is not None:
        found.append(Book.status == status)
    if in_stock is not None:
        found.append(buyable if in_stock else ~buyable)
    return found
