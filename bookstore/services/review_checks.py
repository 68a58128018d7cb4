"""Whether books count the reviews they have; see ``book_checks``, whose list this is on."""

from typing import Any

from sqlalchemy import func, or_, select

from bookstore.models import Book, Review
from bookstore.services.sql import AnySelect


def ratings() -> AnySelect:
    """Find books whose counters, which each review moves, are not those of a recount."""
    given = (
        select(
            Review.book_id.label("key"),
            func.sum(Review.rating).label("sum"),
            func.count().label("n"),
        )
        .group_by(Review.book_id)
        .subquery()
    )
    query = select(
        Book.id,
        Book.rating_count,
        Book.rating_sum,
        func.coalesce(given.c.n, 0).label("n"),
        func.coalesce(given.c.sum, 0).label("sum"),
    )
    wrong = or_(
        Book.rating_count != func.coalesce(given.c.n, 0),
        Book.rating_sum != func.coalesce(given.c.sum, 0),
    )
    return query.outerjoin(given, given.c.key == Book.id).where(wrong)


def tell_ratings(row: Any) -> str:
    """Say what is wrong with a book's ratings."""
    counted = f"{row.rating_count} ratings of {row.rating_sum} stars counted"
    return f"book {row.id}: {counted}, its reviews are {row.n} of {row.sum}"
