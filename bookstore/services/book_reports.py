"""All that staff wants to know of one book: its sales by month, rank, reviews and stock.

It is a job (``report.book``): asked for by ``start``, made by ``make``. ``figures`` is the report
itself; amounts are text in the shop's currency, and copies and revenue are reckoned as in
``reports.top_books``: of orders that were paid and not cancelled, before discounts.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from bookstore import clock, errors, money
from bookstore.extensions import db, settings
from bookstore.models import (
    Book,
    BookDay,
    BookTotal,
    Category,
    Job,
    Review,
    SalesChange,
    StockMovement,
)
from bookstore.models.catalog import book_categories
from bookstore.services import book_report_files, jobs, reports
from bookstore.services.actors import Acting, require_staff
from bookstore.services.event_words import rfc3339
from bookstore.services.job_progress import Progress
from bookstore.unit_of_work import new_snapshot

KIND = "report.book"
NEWEST = 5
_STEPS = 5


def start(actor: Acting, book_id: int) -> Job:
    """Have the report of a book made.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such book.
    """
    require_staff(actor)
    _require(book_id)
    return jobs.start(actor, KIND, {"book_id": book_id}, total=_STEPS)


def make(progress: Progress) -> dict[str, Any]:
    """Make the report that was asked for: its figures, and as files JSON, CSV and HTML."""
    progress.total = _STEPS
    found = figures(progress.actor, progress.parameters["book_id"], progress.advance)
    new_snapshot()  # a slow bucket is not waited for in a transaction
    for name, data, content_type in book_report_files.files(found):
        progress.keep(name, data, content_type)
    progress.advance()
    return found


def figures(actor: Acting, book_id: int, step: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Return the report of a book, fit for JSON; ``step`` is called after each of four parts.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such book.
    """
    require_staff(actor)
    book = _require(book_id)
    found: dict[str, Any] = {"generated_at": rfc3339(clock.now()), "book": _about(book)}
    for name, part in (
        ("sales", _sales),
        ("rank", _rank),
        ("reviews", _reviews),
        ("stock", _stock),
    ):
        found[name] = part(book)
        step()
    return found


def _require(book_id: int) -> Book:
    book = db.session.get(Book, book_id)
    if book is None:
        raise errors.NotFound(f"There is no book {book_id}.")
    return book


def _about(book: Book) -> dict[str, Any]:
    return {
        "id": book.id,
        "title": book.title,
        "author": ", ".join(author.full_name for author in book.authors),
        "isbn": book.isbn,
        "price": _text(book.price),
        "status": book.status,
    }


def _sales(book: Book) -> dict[str, Any]:
    """Return what was sold by month, every month from the first sale to this one."""
    days = db.session.execute(
        reports.summed(
            [
                select(table.day, table.copies, table.amount).where(
                    table.book_id == book.id, table.currency == settings().currency
                )
                for table in (BookDay, SalesChange)
            ],
            ("day",),
            ("copies", "amount"),
        )
    ).all()
    # What was cancelled again has left rows that add up to nothing.
    sold = sorted(row.day for row in days if row.copies)
    copies: Counter[str] = Counter()
    revenue: Counter[str] = Counter()
    for row in days:
        copies[_month(row.day)] += int(row.copies)
        revenue[_month(row.day)] += int(row.amount)
    months = [
        {"month": name, "copies": copies[name], "revenue": _text(revenue[name])}
        for name in (_months(sold[0], clock.now().date()) if sold else ())
    ]
    return {
        "currency": settings().currency,
        "copies": copies.total(),
        "revenue": _text(revenue.total()),
        "first_sale": sold[0].isoformat() if sold else None,
        "last_sale": sold[-1].isoformat() if sold else None,
        "months": months,
    }


def _rank(book: Book) -> dict[str, Any]:
    """Return the place of a book by copies, of all that were sold, and in each category."""
    sums = reports.summed(
        [reports.of_books(table) for table in (BookTotal, SalesChange)],
        ("book_id",),
        ("copies", "amount"),
    ).subquery()
    mine = db.session.scalar(select(sums.c.copies).where(sums.c.book_id == book.id)) or 0
    # As best sellers are sorted.
    before: ColumnElement[bool] = or_(
        sums.c.copies > mine, (sums.c.copies == mine) & (sums.c.book_id < book.id)
    )
    counts = func.count().filter(before).label("before"), func.count().label("of")
    sold = sums.c.copies > 0
    overall = db.session.execute(select(*counts).select_from(sums).where(sold)).one()
    shelf, other = book_categories, book_categories.alias()
    places = db.session.execute(
        select(Category.id, Category.name, *counts)
        .select_from(shelf)
        .join(Category, Category.id == shelf.c.category_id)
        .join(other, other.c.category_id == shelf.c.category_id)
        .join(sums, (sums.c.book_id == other.c.book_id) & sold)
        .where(shelf.c.book_id == book.id)
        .group_by(Category.id, Category.name)
        .order_by(Category.name, Category.id)
    ).all()

    def place(row: Any) -> dict[str, Any]:
        return {"rank": row.before + 1 if mine > 0 else None, "of": row.of}

    return {
        "overall": place(overall),
        "categories": [{"id": row.id, "name": row.name, **place(row)} for row in places],
    }


def _reviews(book: Book) -> dict[str, Any]:
    """Return what readers say, and how many gave how many stars; not who they are."""
    each = select(Review.rating, func.count()).where(Review.book_id == book.id)
    rows = db.session.execute(each.group_by(Review.rating)).all()
    counts = {int(rating): int(count) for rating, count in rows}
    number = sum(counts.values())
    stars = sum(rating * count for rating, count in counts.items())
    newest = select(Review).where(Review.book_id == book.id).order_by(Review.id.desc())
    return {
        "count": number,
        "average": round(stars / number, 2) if number else None,
        "histogram": {str(rating): counts.get(rating, 0) for rating in range(5, 0, -1)},
        "newest": [
            {
                "rating": review.rating,
                "title": review.title,
                "comment": review.comment,
                "at": rfc3339(review.created_at),
            }
            for review in db.session.scalars(newest.limit(NEWEST))
        ],
    }


def _stock(book: Book) -> dict[str, Any]:
    """Return the copies there are now, and what came and went, by reason."""
    rows = db.session.execute(
        select(StockMovement.reason, func.count().label("times"), func.sum(StockMovement.delta))
        .where(StockMovement.book_id == book.id)
        .group_by(StockMovement.reason)
        .order_by(StockMovement.reason)
    ).all()
    return {
        "copies": book.stock,
        "movements": [
            {"reason": reason, "times": times, "copies": int(copies)}
            for reason, times, copies in rows
        ],
    }


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _months(first: date, last: date) -> Iterator[str]:
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        yield f"{number // 12:04}-{number % 12 + 1:02}"


def _text(minor: int) -> str:
    return money.to_text(minor, settings().currency)
