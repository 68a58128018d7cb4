"""Many records at once, by the id of what they belong to: one statement each, for loaders.

What a graph of objects asks for piece by piece is collected first, then asked for here.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import contains_eager

from bookstore.extensions import db
from bookstore.models import Author, Book, Publisher, Review, User
from bookstore.models.catalog import book_authors
from bookstore.services import book_views


def books(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return book views by id, without what hangs on them; ids of no book are left out."""
    rows = db.session.execute(book_views.books().where(Book.id.in_(ids))).all()
    return {view["id"]: view for view in book_views.views(rows, hung=False)}


def authors(ids: Sequence[int]) -> dict[int, Author]:
    """Return authors by id."""
    found = db.session.scalars(select(Author).where(Author.id.in_(ids)))
    return {author.id: author for author in found}


def publishers(ids: Sequence[int]) -> dict[int, Publisher]:
    """Return publishers by id."""
    found = db.session.scalars(select(Publisher).where(Publisher.id.in_(ids)))
    return {publisher.id: publisher for publisher in found}


def books_counts(author_ids: Sequence[int]) -> dict[int, int]:
    """Return how many books each author wrote, also with others; those without any left out."""
    by = book_authors.c
    counts = select(by.author_id, func.count()).where(by.author_id.in_(author_ids))
    return {row[0]: row[1] for row in db.session.execute(counts.group_by(by.author_id))}


def reviews(book_ids: Sequence[int], first: int) -> dict[int, list[Review]]:
    """Return the newest ``first`` reviews of each book, each with its user's name."""
    newest = func.row_number().over(partition_by=Review.book_id, order_by=Review.id.desc())
    ranked = select(Review.id, newest.label("place")).where(Review.book_id.in_(book_ids)).subquery()
    rows = db.session.scalars(
        select(Review)
        .join(ranked, ranked.c.id == Review.id)
        .join(Review.user)
        .options(contains_eager(Review.user).load_only(User.username))
        .where(ranked.c.place <= first)
        .order_by(Review.id.desc())
    )
    found: dict[int, list[Review]] = {}
    for review in rows:
        found.setdefault(review.book_id, []).append(review)
    return found


def books_by(author_ids: Sequence[int], first: int) -> dict[int, list[dict[str, Any]]]:
    """Return the newest ``first`` books of each author, as ``books`` has them."""
    by = book_authors.c
    newest = func.row_number().over(
        partition_by=by.author_id, order_by=(Book.created_at.desc(), Book.id.desc())
    )
    ranked = (
        select(by.author_id, by.book_id, newest.label("place"))
        .join_from(book_authors, Book, Book.id == by.book_id)
        .where(by.author_id.in_(author_ids))
        .subquery()
    )
    rows = db.session.execute(
        book_views.books()
        .add_columns(ranked.c.author_id.label("of_author"))
        .join(ranked, ranked.c.book_id == Book.id)
        .where(ranked.c.place <= first)
        .order_by(ranked.c.author_id, ranked.c.place)
    ).all()
    found: dict[int, list[dict[str, Any]]] = {}
    for row, view in zip(rows, book_views.views(rows, hung=False), strict=True):
        found.setdefault(row.of_author, []).append(view)
    return found
