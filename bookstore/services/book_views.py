"""How a book's row becomes what the schemas show: whole, or the summary of a cart's line."""

from collections.abc import Iterable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import CompoundSelect, literal_column, select, union_all

from bookstore.extensions import db, settings
from bookstore.models import Author, Book, Category, Publisher
from bookstore.models.catalog import (
    average_rating,
    book_authors,
    book_categories,
    public_status,
    stock_state,
)
from bookstore.services import cover_links
from bookstore.services.sql import AnyRow, AnySelect, among, ids, on_sqlite
from bookstore.unit_of_work import reading

# What hangs on books, by book id.
_Hung: TypeAlias = dict[int, list[dict[str, Any]]]

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
    Book.weight,
    Book.tax_category,
    Book.status,
    Book.price,
    Book.stock,
    Book.rating_sum,
    Book.rating_count,
    Book.cover_names,
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


SUMMARY_COLUMNS = (
    Book.id,
    Book.title,
    Book.isbn,
    Book.price,
    Book.status,
    Book.stock,
    Book.rating_sum,
    Book.rating_count,
    Book.publication_date,
    Book.cover_names,
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
        "publication_date": row.publication_date,
        "average_rating": average_rating(row.rating_sum, row.rating_count),
        "cover": cover_links.links(row.cover_names, row.cover_url),
    }


def books() -> AnySelect:
    """Return the select whose rows ``views`` takes, to be narrowed and ordered."""
    return (
        select(*_COLUMNS)
        .join(Author, Author.id == Book.author_id)
        .outerjoin(Publisher, Publisher.id == Book.publisher_id)
    )


def views(rows: Iterable[AnyRow], *, hung: bool = True) -> list[dict[str, Any]]:
    """Return the whole views of rows of ``books()``.

    Without ``hung``, ``authors`` and ``categories`` are empty: they take a statement.
    """
    rows = list(rows)
    authors, categories = hung_on([row.id for row in rows]) if hung else ({}, {})
    currency = settings().currency
    return [_view(row, currency, authors, categories) for row in rows]


def _view(row: AnyRow, currency: str, authors: _Hung, categories: _Hung) -> dict[str, Any]:
    # All at once: to ask a row for each column by name takes as long as to read it.
    (
        book_id,
        title,
        subtitle,
        isbn,
        sku,
        description,
        pages,
        language,
        publication_date,
        weight,
        tax_category,
        status,
        price,
        stock,
        rating_sum,
        rating_count,
        cover_names,
        cover_url,
        version,
        created_at,
        updated_at,
        author_id,
        first_name,
        last_name,
        publisher_id,
        publisher_name,
    ) = row[: len(_COLUMNS)]
    return {
        "id": book_id,
        "title": title,
        "subtitle": subtitle,
        "isbn": isbn,
        "sku": sku,
        "description": description,
        "pages": pages,
        "language": language,
        "status": public_status(status, stock),
        "price": price,
        "currency": currency,
        "stock": stock,
        "stock_state": stock_state(status, stock),
        "publication_date": publication_date,
        "weight": weight,
        "tax_category": tax_category,
        "author": {"id": author_id, "full_name": f"{first_name} {last_name}".strip()},
        "authors": authors.get(book_id, []),
        "publisher": publisher_id and {"id": publisher_id, "name": publisher_name},
        "categories": categories.get(book_id, []),
        "cover": cover_links.links(cover_names, cover_url),
        "average_rating": average_rating(rating_sum, rating_count),
        "review_count": rating_count,
        "version": version,
        "created_at": created_at,
        "updated_at": updated_at,
    }


def _author(row: AnyRow) -> dict[str, Any]:
    return {"id": row.author_id, "full_name": f"{row.first_name} {row.last_name}".strip()}


def hung_on(book_ids: Sequence[int]) -> tuple[_Hung, _Hung]:
    """Return the authors and the categories of books, by book id, in one statement."""
    authors: _Hung = {}
    categories: _Hung = {}
    if not book_ids:
        return authors, categories
    sqlite = on_sqlite()
    rows = (
        reading(db.session())
        .execute(_hung(sqlite=sqlite), {"ids": ids(book_ids, sqlite=sqlite)})
        .all()
    )
    # By place among the authors, by slug among the categories.
    for book_id, kind, its_id, name, slug, _ in sorted(rows, key=itemgetter(5, 4)):
        if kind == "author":
            person = {"id": its_id, "full_name": name.strip()}
            authors.setdefault(book_id, []).append(person)
        else:
            shelf = {"id": its_id, "name": name, "slug": slug}
            categories.setdefault(book_id, []).append(shelf)
    return authors, categories


@cache
def _hung(*, sqlite: bool) -> CompoundSelect[*tuple[Any, ...]]:
    by, on = book_authors.c, book_categories.c
    people = (
        select(
            by.book_id,
            literal_column("'author'").label("kind"),
            Author.id,
            (Author.first_name + literal_column("' '") + Author.last_name).label("name"),
            literal_column("''").label("slug"),
            by.position.label("place"),
        )
        .join_from(book_authors, Author, Author.id == by.author_id)
        .where(among(by.book_id, "ids", sqlite=sqlite))
    )
    shelves = (
        select(
            on.book_id,
            literal_column("'category'").label("kind"),
            Category.id,
            Category.name,
            Category.slug,
            literal_column("0").label("place"),
        )
        .join_from(book_categories, Category, Category.id == on.category_id)
        .where(among(on.book_id, "ids", sqlite=sqlite))
    )
    return union_all(people, shelves)
