"""Many records at once, by the id of what they belong to: one statement each, for loaders.

What a graph of objects asks for piece by piece is collected first, then asked for here. The
statements are built once for each database, and say what is read: columns, no objects.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, bindparam, func, select, true

from bookstore.extensions import db
from bookstore.models import Author, Book, Publisher, Review, User
from bookstore.models.catalog import book_authors
from bookstore.services import book_views
from bookstore.services.sql import AnyRow, AnySelect, among, ids, on_sqlite
from bookstore.unit_of_work import reading

_FIRST = bindparam("first", type_=Integer())


def books(book_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return book views by id, without what hangs on them; ids of no book are left out."""
    rows = _rows(_books(sqlite=on_sqlite()), book_ids)
    return {view["id"]: view for view in book_views.views(rows, hung=False)}


def authors(author_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return by id what the public is told of authors."""
    found = {}
    for row in _rows(_authors(sqlite=on_sqlite()), author_ids):
        author_id, first_name, last_name, biography, birth_date, website = row
        found[author_id] = {
            "id": author_id,
            "first_name": first_name,
            "last_name": last_name,
            "full_name": f"{first_name} {last_name}".strip(),
            "biography": biography,
            "birth_date": birth_date,
            "website": website,
        }
    return found


def publishers(publisher_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return publishers by id: ``id``, ``name``, ``website``."""
    rows = _rows(_publishers(sqlite=on_sqlite()), publisher_ids)
    return {row[0]: {"id": row[0], "name": row[1], "website": row[2]} for row in rows}


def books_counts(author_ids: Sequence[int]) -> dict[int, int]:
    """Return how many books each author wrote, also with others; those without any left out."""
    return {row[0]: row[1] for row in _rows(_books_counts(sqlite=on_sqlite()), author_ids)}


def reviews(book_ids: Sequence[int], first: int) -> dict[int, list[dict[str, Any]]]:
    """Return the newest ``first`` reviews of each book, each with its user's name."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in _rows(_reviews(sqlite=on_sqlite()), book_ids, first=first):
        review_id, book_id, rating, title, comment, created_at, updated_at, username = row
        review = {
            "id": review_id,
            "book_id": book_id,
            "rating": rating,
            "title": title,
            "comment": comment,
            "created_at": created_at,
            "updated_at": updated_at,
            "user": {"username": username},
        }
        found.setdefault(book_id, []).append(review)
    return found


def books_by(author_ids: Sequence[int], first: int) -> dict[int, list[dict[str, Any]]]:
    """Return the newest ``first`` books of each author, as ``books`` has them."""
    rows = _rows(_books_by(sqlite=on_sqlite()), author_ids, first=first)
    found: dict[int, list[dict[str, Any]]] = {}
    for row, view in zip(rows, book_views.views(rows, hung=False), strict=True):
        found.setdefault(row.of_author, []).append(view)
    return found


def _rows(query: AnySelect, keys: Sequence[int], **values: Any) -> Sequence[AnyRow]:
    given = {"ids": ids(keys, sqlite=on_sqlite()), **values}
    found: Sequence[AnyRow] = reading(db.session()).execute(query, given).all()
    return found


@cache
def _books(*, sqlite: bool) -> AnySelect:
    return book_views.books().where(among(Book.id, "ids", sqlite=sqlite))


@cache
def _authors(*, sqlite: bool) -> AnySelect:
    return select(
        Author.id,
        Author.first_name,
        Author.last_name,
        Author.biography,
        Author.birth_date,
        Author.website,
    ).where(among(Author.id, "ids", sqlite=sqlite))


@cache
def _publishers(*, sqlite: bool) -> AnySelect:
    shown = (Publisher.id, Publisher.name, Publisher.website)
    return select(*shown).where(among(Publisher.id, "ids", sqlite=sqlite))


@cache
def _books_counts(*, sqlite: bool) -> AnySelect:
    by = book_authors.c
    counts = select(by.author_id, func.count()).where(among(by.author_id, "ids", sqlite=sqlite))
    return counts.group_by(by.author_id)


@cache
def _reviews(*, sqlite: bool) -> AnySelect:
    shown = (
        *(Review.id, Review.book_id, Review.user_id, Review.rating, Review.title, Review.comment),
        *(Review.created_at, Review.updated_at),
    )
    if sqlite:
        place = func.row_number().over(partition_by=Review.book_id, order_by=Review.id.desc())
        of_books = select(*shown, place.label("place"))
        newest: Any = of_books.where(among(Review.book_id, "ids", sqlite=True)).subquery("newest")
        query = select().select_from(newest).where(newest.c.place <= _FIRST)
    else:
        # A book may have many: of each no more are read than are shown.
        book_ids = func.unnest(bindparam("ids", type_=ARRAY(BigInteger)))
        each = book_ids.table_valued("id").render_derived(name="each")
        of_book = select(*shown).where(Review.book_id == each.c.id)
        newest = of_book.order_by(Review.id.desc()).limit(_FIRST).lateral("newest")
        query = select().select_from(each.join(newest, true()))
    told = newest.c
    return (
        query.add_columns(told.id, told.book_id, told.rating, told.title, told.comment)
        .add_columns(told.created_at, told.updated_at, User.username)
        .join(User, User.id == told.user_id)
        .order_by(told.id.desc())
    )


@cache
def _books_by(*, sqlite: bool) -> AnySelect:
    by = book_authors.c
    newest = func.row_number().over(
        partition_by=by.author_id, order_by=(Book.created_at.desc(), Book.id.desc())
    )
    ranked = (
        select(by.author_id, by.book_id, newest.label("place"))
        .join_from(book_authors, Book, Book.id == by.book_id)
        .where(among(by.author_id, "ids", sqlite=sqlite))
        .subquery()
    )
    return (
        book_views.books()
        .add_columns(ranked.c.author_id.label("of_author"))
        .join(ranked, ranked.c.book_id == Book.id)
        .where(ranked.c.place <= _FIRST)
        .order_by(ranked.c.author_id, ranked.c.place)
    )
