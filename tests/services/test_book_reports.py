"""The report of a book: its figures are those of the other reports, and of the shop."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import clock, errors, money
from bookstore.models import Order
from bookstore.services import (
    book_report_files,
    book_reports,
    cart,
    orders,
    reports,
    reviews,
    sales_folding,
)
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, statements
from tests.factories import make_book, make_category, make_user
from tests.fakes.stripe import FakeStripe
from tests.paying import paid


def sell(stripe: FakeStripe, book_id: int, copies: int, at: datetime) -> Order:
    """Sell copies on a day; counted there, as if it had been that day."""
    user = make_user()
    cart.add_item(user, book_id, copies)
    order = paid(stripe, orders.place(user, ADDRESS))
    with unit_of_work() as session:
        session.execute(update(Order).where(Order.id == order.id).values(created_at=at))
    return order


@pytest.fixture
def planted(app: Flask, fake_stripe: FakeStripe) -> list[int]:
    """Three books of one shelf that were sold, and one that was not."""
    shelf, other = make_category("Planted"), make_category("Elsewhere")
    shelves = [[shelf.id, other.id], *[[shelf.id]] * 3]
    books = [make_book(price=1000, stock=50, category_ids=on).id for on in shelves]
    days = [datetime(2025, 11, 3, 9, tzinfo=UTC), datetime(2026, 2, 28, 23, tzinfo=UTC)]
    sell(fake_stripe, books[0], 2, days[0])
    sell(fake_stripe, books[0], 3, days[1])
    sell(fake_stripe, books[1], 7, days[0])
    sell(fake_stripe, books[2], 5, days[1])
    # Nobody keeps these: neither count.
    orders.cancel(SYSTEM, sell(fake_stripe, books[0], 4, days[1]).id)
    user = make_user()
    cart.add_item(user, books[0], 9)
    orders.place(user, ADDRESS)
    sales_folding.recount()
    # This one is not folded yet.
    user = make_user()
    cart.add_item(user, books[0], 1)
    paid(fake_stripe, orders.place(user, ADDRESS))
    for rating in (5, 4, 4):
        reviews.post(make_user(), books[0], rating, "A <title>", "Words")
    return books


def test_its_figures_are_those_of_the_shop(app: Flask, planted: list[int]) -> None:
    book = planted[0]
    found = book_reports.figures(SYSTEM, book)
    best = {row["book_id"]: row for row in reports.top_books(SYSTEM)}
    sales, currency = found["sales"], found["sales"]["currency"]
    assert (sales["copies"], sales["revenue"]) == (6, "60.00")
    assert sales["copies"] == best[book]["copies"]
    assert sales["revenue"] == money.to_text(best[book]["revenue"], currency)
    months = {one["month"]: (one["copies"], one["revenue"]) for one in sales["months"]}
    today = f"{clock.now():%Y-%m}"
    assert {name: sold for name, sold in months.items() if sold[0]} == {
        "2025-11": (2, "20.00"),
        "2026-02": (3, "30.00"),
        today: (1, "10.00"),
    }
    assert (min(months), max(months)) == ("2025-11", today)
    assert sum(copies for copies, _ in months.values()) == sales["copies"]
    assert sum(Decimal(text) for _, text in months.values()) == Decimal(sales["revenue"])
    starts = [datetime.fromisoformat(f"{name}-01") for name in months]
    assert all(27 < (two - one).days < 32 for one, two in pairwise(starts))
    assert (sales["first_sale"], sales["last_sale"]) == ("2025-11-03", f"{clock.now().date()}")
    for name, sold in months.items():
        start = datetime.fromisoformat(f"{name}-01").date()
        end = datetime.fromisoformat(f"{name}-28").date()
        for row in reports.top_books(SYSTEM, start, end):
            if row["book_id"] == book:
                assert row["copies"] == sold[0]


def test_its_rank_is_that_of_the_best_sellers(app: Flask, planted: list[int]) -> None:
    ranks = {row["book_id"]: row["rank"] for row in reports.top_books(SYSTEM)}
    for book in planted:
        rank = book_reports.figures(SYSTEM, book)["rank"]
        assert rank["overall"] == {"rank": ranks.get(book), "of": 3}
        places = {one["name"]: (one["rank"], one["of"]) for one in rank["categories"]}
        assert places["Planted"] == (ranks.get(book), 3)
        assert places.get("Elsewhere", (1, 1)) == (1, 1)


def test_its_reviews_and_its_stock(app: Flask, planted: list[int]) -> None:
    found = book_reports.figures(SYSTEM, planted[0])
    told = found["reviews"]
    assert (told["count"], told["average"]) == (3, 4.33)
    assert told["histogram"] == {"5": 1, "4": 2, "3": 0, "2": 0, "1": 0}
    assert [one["rating"] for one in told["newest"]] == [4, 4, 5]
    moves = {one["reason"]: one["copies"] for one in found["stock"]["movements"]}
    assert moves == {"initial": 50, "order": -19, "cancellation": 4}
    assert found["stock"]["copies"] == sum(moves.values())
    never = book_reports.figures(SYSTEM, planted[3])
    assert (never["sales"]["months"], never["sales"]["first_sale"]) == ([], None)
    assert never["reviews"]["average"] is None
    with pytest.raises(errors.NotFound):
        book_reports.figures(SYSTEM, 987654)
    with pytest.raises(errors.Forbidden):
        book_reports.figures(make_user(), planted[0])


def test_its_forms_say_the_same(app: Flask, planted: list[int]) -> None:
    for book in (planted[0], planted[3]):
        found = book_reports.figures(SYSTEM, book)
        made = {name: write(found).decode() for name, write in book_report_files.FORMS.items()}
        assert json.loads(made["json"]) == found
        rows = list(csv.DictReader(io.StringIO(made["csv"])))
        by_month = [r for r in rows if (r["section"], r["unit"]) == ("sales by month", "copies")]
        assert sum(int(row["value"]) for row in by_month) == found["sales"]["copies"]
        page = made["html"]
        assert page.count('<svg class="chart"') == page.count("</svg>")
        # All figures that the charts show are there to be read.
        for month in found["sales"]["months"]:
            assert f'{month["month"]}</th><td class="amount">{month["copies"]}</td>' in page
            assert f'<td class="amount">{month["revenue"]}</td>' in page
    assert "No copy has been sold yet." in page
    assert "A <title>" not in made["html"]


def test_it_takes_as_many_statements_however_much_was_sold(app: Flask, planted: list[int]) -> None:
    counts = []
    for book in (planted[0], planted[1]):
        with statements(app) as found:
            book_reports.figures(SYSTEM, book)
        counts.append(len(found))
    assert counts[0] == counts[1] <= 9, found
