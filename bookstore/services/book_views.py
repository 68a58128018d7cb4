"""How a book's row becomes what the schemas show: whole, or the summary of a cart's line."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import literal, select, union_all

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
from bookstore.services.sql import AnyRow, AnySelect

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
            "weight": row.weight,
            "tax_category": row.tax_category,
            "author": _author(row),
            "authors": authors.get(row.id, []),
            "publisher": None
            if row.publisher_id is None
            else {"id": row.publisher_id, "name": row.publisher_name},
            "categories": categories.get(row.id, []),
            "cover": cover_links.links(row.cover_names, row.cover_url),
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


def hung_on(
    book_ids: Sequence[int],
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
