"""Reports for staff, as JSON and as CSV."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import Order, ShoppingCart
from bookstore.services import sales_folding
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, ok, problem
from tests.factories import log_in, make_user, new_book
from tests.fakes.stripe import FakeStripe
from tests.paying import paid

PATHS = ("/reports/sales", "/reports/top-books", "/reports/abandoned-carts")


@pytest.fixture
def stripe(fake_stripe: FakeStripe) -> FakeStripe:
    """Who is paid."""
    return fake_stripe


def buy(
    shop: Flask,
    client: Client,
    book: int,
    copies: int = 1,
    *,
    at: datetime | None = None,
    stripe: FakeStripe | None = None,
) -> int:
    """Return an order placed ``at``, and paid if by ``stripe``."""
    ok(client.post("/cart/items", {"book_id": book, "quantity": copies}), 201)
    order = ok(client.post("/orders", {"shipping_address": ADDRESS}), 201)["id"]
    if at is not None:
        with shop.app_context(), unit_of_work() as session:
            session.execute(update(Order).where(Order.id == order).values(created_at=at))
        with shop.app_context():
            sales_folding.recount()
    if stripe is not None:
        with shop.app_context():
            paid(stripe, db.session.get_one(Order, order))
    return int(order)


def as_csv(client: Client, path: str) -> list[dict[str, str]]:
    answer = client.get(path, Accept="text/csv")
    assert answer.status_code == 200
    assert answer.content_type == "text/csv; charset=utf-8"
    assert "Accept" in answer.headers["Vary"]
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))


def test_reports_are_for_staff(client: Client, reader: Client, clerk: Client) -> None:
    for path in PATHS:
        problem(client.get(path), 401, "unauthenticated")
        problem(reader.get(path), 403, "forbidden")
        problem(reader.get(path, Accept="text/csv"), 403, "forbidden")
        ok(clerk.get(path))


def test_an_empty_shop(clerk: Client) -> None:
    sales = ok(clerk.get("/reports/sales"))
    assert (sales["revenue"], sales["orders"]) == ("0.00", 0)
    assert sales["average_order_value"] is None
    assert set(sales["orders_by_status"].values()) == {0}
    assert ok(clerk.get("/reports/top-books")) == {"data": []}
    assert ok(clerk.get("/reports/abandoned-carts")) == {"data": [], "next_cursor": None}
    for path in PATHS[1:]:
        assert as_csv(clerk, path) == []
        # Even then, with a line that names the columns.
        assert clerk.get(path, Accept="text/csv").data.count(b",") > 3


def test_what_nobody_paid_for_earns_nothing(
    shop: Flask, reader: Client, clerk: Client, stripe: FakeStripe
) -> None:
    book = new_book(shop, price=1000, stock=50)
    for copies in (1, 2, 3):
        buy(shop, reader, book, copies, stripe=stripe)
    unpaid, _ = buy(shop, reader, book, 4), buy(shop, reader, book, 5)
    ok(reader.post(f"/orders/{unpaid}/cancel"))
    sales = ok(clerk.get("/reports/sales"))
    assert sales == {
        "from": None,
        "to": None,
        "revenue": "74.97",
        "average_order_value": "24.99",
        "currency": "usd",
        "orders": 5,
        "orders_by_status": {
            "pending": 1,
            "processing": 3,
            "shipped": 0,
            "delivered": 0,
            "cancelled": 1,
        },
    }
    [row] = as_csv(clerk, "/reports/sales")
    assert (row["revenue"], row["orders"], row["orders_cancelled"]) == ("74.97", "5", "1")


@pytest.mark.parametrize(
    ("prices", "average"),
    [((1, 2), "5.01"), ((1, 1, 2), "5.00"), ((1, 2, 2), "5.01"), ((0, 1), "5.00")],
)
def test_averages_are_rounded_half_up(
    shop: Flask,
    reader: Client,
    clerk: Client,
    stripe: FakeStripe,
    prices: tuple[int, ...],
    average: str,
) -> None:
    for price in prices:
        buy(shop, reader, new_book(shop, price=price), stripe=stripe)
    assert ok(clerk.get("/reports/sales"))["average_order_value"] == average


def test_a_period_has_both_its_days(
    shop: Flask, reader: Client, clerk: Client, stripe: FakeStripe
) -> None:
    book = new_book(shop, price=1000, stock=50)
    second = timedelta(microseconds=1)
    start, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    for at in (start - second, start, end - second, end):
        buy(shop, reader, book, at=at, stripe=stripe)

    def orders(query: str) -> int:
        copies = ok(clerk.get(f"/reports/top-books?{query}"))["data"]
        sold = sum(row["copies"] for row in copies)
        report = ok(clerk.get(f"/reports/sales?{query}"))
        assert report["orders"] == sold
        # Paid today, all of them: what counts is when they were placed.
        assert report["revenue"] == f"{sold * 14.99:.2f}"
        return int(sold)

    assert orders("from=2026-03-01&to=2026-03-31") == 2
    assert orders("from=2026-03-01&to=2026-03-01") == 1
    assert orders("from=2026-04-01") == 1
    assert orders("to=2026-02-28") == 1
    assert orders("from=2026-02-28&to=2026-04-01") == 4
    assert orders("from=2026-03-02&to=2026-03-30") == 0
    shown = ok(clerk.get("/reports/sales?from=2026-03-01&to=2026-03-31"))
    assert (shown["from"], shown["to"]) == ("2026-03-01", "2026-03-31")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-03-02&to=2026-03-01", "to"),
        ("from=2026-02-30", "from"),
        ("from=yesterday", "from"),
        ("to=2026-3-1", "to"),
        ("to=9999-12-31", "to"),
        ("since=2026-01-01", "since"),
    ],
)
def test_bad_periods(clerk: Client, query: str, field: str) -> None:
    for path in PATHS[:2]:
        refused = problem(clerk.get(f"{path}?{query}"), 422, "validation_failed")
        assert list(refused["errors"]) == [field]


def test_best_sellers_by_copies(
    shop: Flask, reader: Client, clerk: Client, stripe: FakeStripe
) -> None:
    often, cheap, never, dear = (
        new_book(shop, title=title, price=price, stock=90)
        for title, price in (("=SUM(A1)", 500), ("Cheap", 1), ("Never", 1), ("Dear", 90000))
    )
    for book, copies in ((often, 5), (cheap, 3), (dear, 3), (often, 4)):
        buy(shop, reader, book, copies, stripe=stripe)
    ok(reader.post(f"/orders/{buy(shop, reader, never, 40, stripe=stripe)}/cancel"))
    buy(shop, reader, never, 50)
    data = ok(clerk.get("/reports/top-books"))["data"]
    assert [(r["rank"], r["book_id"], r["copies"], r["revenue"]) for r in data] == [
        (1, often, 9, "45.00"),
        (2, cheap, 3, "0.03"),
        (3, dear, 3, "2700.00"),
    ]
    assert len(ok(clerk.get("/reports/top-books?limit=1"))["data"]) == 1
    rows = as_csv(clerk, "/reports/top-books")
    # A spreadsheet must not take a title for a formula.
    assert [row["title"] for row in rows] == ["'=SUM(A1)", "Cheap", "Dear"]
    for limit in ("0", "101", "x"):
        problem(clerk.get(f"/reports/top-books?limit={limit}"), 422, "validation_failed")


def test_carts_that_were_left(shop: Flask, client: Client, clerk: Client) -> None:
    with shop.app_context():
        users = [make_user(name) for name in ("+old", "older", "fresh", "emptied")]
    book = new_book(shop, price=250)
    readers = [log_in(shop, user) for user in users]
    _, older, _, emptied = readers
    for reader in readers:
        ok(reader.post("/cart/items", {"book_id": book, "quantity": 3}), 201)
    ok(client.post("/cart/items", {"book_id": book}), 201)
    ok(emptied.delete("/cart"))
    age: dict[int | None, timedelta] = {
        users[0].id: timedelta(days=7, minutes=1),
        users[1].id: timedelta(days=9),
        users[2].id: timedelta(days=6, hours=23),
        users[3].id: timedelta(days=30),
        None: timedelta(days=8),
    }
    with shop.app_context(), unit_of_work() as session:
        for user_id, idle in age.items():
            cart = update(ShoppingCart).where(ShoppingCart.user_id.is_not_distinct_from(user_id))
            session.execute(cart.values(updated_at=clock.now() - idle))
    page = ok(clerk.get("/reports/abandoned-carts?count=true"))
    assert page["total"] == 3
    assert [(c["username"], c["items"], c["value"], c["currency"]) for c in page["data"]] == [
        ("older", 3, "7.50", "usd"),
        (None, 1, "2.50", "usd"),
        ("+old", 3, "7.50", "usd"),
    ]
    assert [row["username"] for row in as_csv(clerk, "/reports/abandoned-carts")] == [
        "older",
        "",
        "'+old",
    ]
    names, path = [], "/reports/abandoned-carts?limit=1"
    while path:
        answer = clerk.get(path, Accept="text/csv")
        names += [r["username"] for r in csv.DictReader(io.StringIO(answer.text))]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert names == ["older", "", "'+old"]
    assert len(ok(clerk.get("/reports/abandoned-carts?idle_days=6"))["data"]) == 4
    # Whoever comes back has not left.
    ok(older.patch(f"/cart/items/{book}", {"quantity": 1}))
    left = ok(clerk.get("/reports/abandoned-carts"))["data"]
    assert [c["username"] for c in left] == [None, "+old"]
