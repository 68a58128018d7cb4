"""How a book's row becomes what the schemas show: whole, or the summary of a cart's line."""

from collections.abc import Iterable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, TypeAlias

import orjson
from sqlalchemy import (
    CompoundSelect,
    ScalarSelect,
    Subquery,
    Text,
    cast,
    func,
    literal_column,
    select,
    union_all,
)

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

_Records: TypeAlias = list[dict[str, Any]]
# What hangs on books, by book id.
_Hung: TypeAlias = dict[int, _Records]

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


def summary(row: AnyRow, currency: str | None = None) -> dict[str, Any]:
    """Return the small book view of a row that has SUMMARY_COLUMNS; amounts are in the shop's
    currency, which need not be given."""
    return {
        "id": row.id,
        "title": row.title,
        "isbn": row.isbn,
        "author": _author(row),
        "price": row.price,
        "currency": currency or settings().currency,
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


def hang(found: Subquery, *, sqlite: bool) -> AnySelect:
    """Return the select of rows of ``books()`` with what hangs on them: one trip to the database
    instead of two.

    Args:
        found: the rows; so few that each may be asked for its own.
        sqlite: what the database is.
    """
    return select(
        found,
        _people_of(found, sqlite=sqlite).label("_authors"),
        _shelves_of(found, sqlite=sqlite).label("_categories"),
    )


def views(rows: Iterable[AnyRow], *, hung: bool = True) -> list[dict[str, Any]]:
    """Return the whole views of rows: of ``hang``, or of ``books()`` without ``hung``.

    Then ``authors`` and ``categories`` are empty.
    """
    currency = settings().currency
    if not hung:
        return [_view(row, currency, [], []) for row in rows]
    return [_view(row, currency, _people(row[-2]), _shelves(row[-1])) for row in rows]


def _people(told: str | None) -> _Records:
    found = orjson.loads(told or "[]")
    return [{"id": its_id, "full_name": name.strip()} for its_id, name in found]


def _shelves(told: str | None) -> _Records:
    found = orjson.loads(told or "[]")
    return [{"id": its_id, "name": name, "slug": slug} for its_id, name, slug in found]


def _view(row: AnyRow, currency: str, authors: _Records, categories: _Records) -> dict[str, Any]:
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
        "authors": authors,
        "publisher": publisher_id and {"id": publisher_id, "name": publisher_name},
        "categories": categories,
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


def _people_of(found: Subquery, *, sqlite: bool) -> ScalarSelect[str]:
    by = book_authors.c
    name = Author.first_name + literal_column("' '") + Author.last_name
    each = (
        select(Author.id, name.label("name"))
        .join_from(book_authors, Author, Author.id == by.author_id)
        .where(by.book_id == found.c.id)
        .order_by(by.position)
    )
    return _as_json(each, found, sqlite=sqlite)


def _shelves_of(found: Subquery, *, sqlite: bool) -> ScalarSelect[str]:
    on = book_categories.c
    # By their letters' numbers, whatever order the database has for its language.
    by_slug = Category.slug if sqlite else Category.slug.collate("C")
    each = (
        select(Category.id, Category.name, Category.slug)
        .join_from(book_categories, Category, Category.id == on.category_id)
        .where(on.book_id == found.c.id)
        .order_by(by_slug)
    )
    return _as_json(each, found, sqlite=sqlite)


def _as_json(each: AnySelect, found: Subquery, *, sqlite: bool) -> ScalarSelect[str]:
    """Return the rows of a select as the text of a JSON array of arrays."""
    rows = each.correlate(found).subquery()
    if sqlite:
        return select(func.json_group_array(func.json_array(*rows.c))).scalar_subquery()
    whole = func.json_agg(func.json_build_array(*rows.c))
    return select(cast(whole, Text)).scalar_subquery()
