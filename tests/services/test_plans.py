"""No request reads a big table from end to end: its statements, recorded and explained.

The shop is big enough for the planner to see which way is shorter. Tables that have few rows here
and many elsewhere are looked at with sequential scans made dear: one is left only where there is
no index at all.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import event, select, text

from bookstore import create_app
from bookstore.extensions import db, redis_handle
from bookstore.models import Author, Book, Category, Order, Publisher, ShoppingCart, User
from bookstore.services import generating
from tests.clients import ADDRESS, Client
from tests.console.browsing import Browser
from tests.factories import log_in
from tests.servers import Postgres
from tests.services import hooks

SIZE = generating.Size(books=20_000, reviews=40_000, orders=20_000, users=4_000, seed=3)
BIG = {
    *("books", "book_search", "book_authors", "book_categories", "authors", "reviews", "users"),
    *("orders", "order_items", "order_events", "payments", "stock_movements"),
    *("shopping_carts", "cart_items", "events", "webhook_deliveries", "emails", "pushes"),
    *("notifications", "login_sessions", "idempotency_keys", "refunds", "search_terms"),
    *("book_days", "book_totals", "book_neighbours", "wishlist_items"),
}
# It ends at so many rows, which it reads as they lie; and what is more is counted seldom.
COUNTED = r"SELECT count\(\*\) AS count_1 \nFROM \(SELECT "
LISTS = (
    "/books", "/books?limit=100", "/books?count=true",
    *(f"/books?sort={sort}" for sort in (
        "title", "-title", "price", "-price", "published", "-published", "-rating", "-sales"
    )),
    "/books?author_id={author}", "/books?publisher_id={publisher}", "/books?category={shelf}",
    "/books?category={shelf}&sort=price", "/books?min_price=10&max_price=12",
    "/books?category={shelf}&count=true", "/books?published_after=2020-01-01",
    "/books?in_stock=true", "/books?in_stock=false",
    "/books?status=coming_soon", "/books?q=garden", "/books?q=garden&sort=price",
    "/books?q=silent+garden", "/books?q=gard", "/books?q=s", "/books?q=gardne",
    "/books/suggest?q=s", "/books/suggest?q=gar", "/books/suggest?q=silnet+gar",
    "/books/bestsellers", "/books/{book}/recommendations",
    "/me/recommendations", "/books/{book}", "/books/{book}/reviews",
    "/books/{book}/reviews?count=true", "/authors", "/authors/{author}", "/authors?q=vale",
    "/categories/{shelf_id}", "/publishers", "/publishers/{publisher}",
    "/orders", "/orders?count=true", "/orders?all=true", "/orders?all=true&status=shipped",
    "/orders?all=true&payment_status=review", "/orders?all=true&number={number}",
    "/orders/{order}", "/orders/{order}/events", "/reports/sales?from=2026-06-01&to=2026-06-07",
    "/reports/top-books?from=2026-06-01&to=2026-06-07", "/reports/sales", "/reports/top-books",
    "/reports/abandoned-carts", "/reports/abandoned-carts?count=true",
    "/me", "/me/notifications", "/wishlist", "/cart",
)  # fmt: skip
NUMBERED = (
    "/api/v1/books/?page=900", "/api/v1/books/{book}/", "/api/v1/reviews/?page=900",
    "/api/v1/books/{book}/reviews/?page=last", "/api/v1/orders/", "/api/v1/authors/?page=200",
)  # fmt: skip


@pytest.fixture(scope="module")
def big(apps: Any, postgres: Postgres) -> Iterator[Flask]:
    apps.get("postgresql")
    name = f"plans_{apps.worker}"
    postgres.drop_database(name)
    postgres.create_database(name)
    settings = replace(apps.settings("postgresql"), database_url=postgres.url(name))
    app = create_app(settings)
    with app.app_context():
        flask_migrate.upgrade()
        generating.generate(SIZE)
        db.session.remove()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
        redis_handle.client.flushall()
        redis_handle.client.close()
    postgres.drop_database(name)


class Recorder:
    """Notes what is executed, with its values."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}

    def __call__(self, _c: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)", statement):
            self.said.setdefault(statement, values)

    def plans(self, *, dear: bool) -> Iterator[tuple[str, str]]:
        """Yield each statement with its plan; none is carried out."""
        with db.engine.connect() as connection:
            if dear:
                connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))
            for statement, values in self.said.items():
                given = values[0] if isinstance(values, list) else values
                rows = connection.exec_driver_sql(f"EXPLAIN {statement}", given)
                yield statement, "\n".join(row[0] for row in rows)
            connection.rollback()


def scanned(recorder: Recorder, *, dear: bool) -> list[str]:
    """Return the big tables that are read from end to end, each with the statement.

    But for counts, of which services/counting.py sees to it.
    """
    return [
        f"{found}: {' '.join(statement.split())}"
        for statement, plan in recorder.plans(dear=dear)
        for found in re.findall(r"Seq Scan on (\w+)", plan)
        if found in BIG and (dear or _rows(found) >= 10_000)
        if not re.match(COUNTED, statement)
    ]


def _rows(table: str) -> float:
    many = text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:name)")
    return float(db.session.scalar(many, {"name": table}) or 0)


def values(session: Any) -> dict[str, Any]:
    def middle(column: Any) -> Any:
        return session.scalar(select(column).where(column.class_.id > 40).limit(1))

    return {
        "book": middle(Book.id),
        "author": middle(Author.id),
        "publisher": middle(Publisher.id),
        "order": session.scalar(select(Order.id).limit(1)),
        "number": middle(Order.number),
        "shelf": session.scalar(select(Category.slug).order_by(Category.id.desc()).limit(1)),
        "shelf_id": session.scalar(select(Category.id).limit(1)),
    }


@pytest.fixture(scope="module")
def clerk(big: Flask) -> Client:
    with big.app_context():
        user = db.session.scalars(select(User).order_by(User.id.desc()).limit(1)).one()
        user.is_staff = True
        db.session.commit()
        return log_in(big, user)


def record(app: Flask, calls: list[tuple[str, str, Any]], client: "Client | Console") -> Recorder:
    recorder = Recorder()
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", recorder)
        try:
            for method, path, body in calls:
                answer = client.call(method, path, body)
                assert answer.status_code < 300, (path, answer.text)
        finally:
            event.remove(db.engine, "before_cursor_execute", recorder)
    return recorder


@pytest.mark.parametrize("dear", [False, True], ids=["as planned", "sequential scans dear"])
def test_no_list_reads_a_big_table_whole(big: Flask, clerk: Client, dear: bool) -> None:
    with big.app_context():
        given = values(db.session)
        redis_handle.client.flushall()
    paths = [*(f"/api/v2{path}" for path in LISTS), *NUMBERED]
    calls = [("GET", path.format(**given), None) for path in paths]
    recorder = record(big, calls, clerk)
    assert len(recorder.said) > 60
    with big.app_context():
        found = scanned(recorder, dear=dear)
    assert not found, "\n".join(found)


def test_no_purchase_reads_a_big_table_whole(big: Flask, clerk: Client) -> None:
    with big.app_context():
        buyable = select(Book.id).where(Book.status == "available", Book.stock > 3)
        book, other = db.session.scalars(buyable.order_by(Book.id).limit(2))
        reader = db.session.scalars(
            select(User).join(ShoppingCart).order_by(User.id).limit(1)
        ).one()
        client = log_in(big, reader)
    address = {"shipping_address": ADDRESS}
    calls: list[tuple[str, str, Any]] = [
        ("DELETE", "/api/v2/cart", None),
        ("POST", "/api/v2/cart/items", {"book_id": book, "quantity": 1}),
        ("POST", "/api/v2/cart/items", {"book_id": other, "quantity": 1}),
        ("GET", "/api/v2/cart", None),
        ("POST", "/api/v2/cart/quote", address),
        ("POST", "/api/v2/orders", address),
        ("GET", "/api/v2/orders", None),
    ]
    recorder = record(big, calls, client)
    with big.app_context():
        assert scanned(recorder, dear=False) == []
        assert scanned(recorder, dear=True) == []


GRAPH = """{ allBooks {
    author { booksCount books(first: 2) { title } } authors { lastName } categories { name }
    publisher { name } reviews(first: 2) { rating user { username } book { title } }
    recommendations(first: 2) { title } } me { recommendations(first: 2) { title } } }"""


def test_no_level_of_a_graph_reads_a_big_table_whole(big: Flask, clerk: Client) -> None:
    recorder = record(big, [("POST", "/graphql/", {"query": GRAPH})], clerk)
    # Who asks, and one for each kind of list and of object.
    # What is recommended takes four beside those of books, and five for oneself.
    assert len(recorder.said) == 18
    with big.app_context():
        assert scanned(recorder, dear=False) == []
        assert scanned(recorder, dear=True) == []


class Console:
    """Asks for pages of the console as ``record`` asks the API."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def call(self, _method: str, path: str, _body: Any) -> Any:
        """Ask for a page."""
        return self.browser.open(path).answer


CONSOLE = (
    "orders/", "orders/{order}", "stock/", "stock/?low=true", "stock/?q=garden",
    "stock/?q=garden&low=true", "stock/{book}",
    "prices/?q=garden", "customers/", "customers/?q=a", "customers/?q=a@",
    "customers/?q=7&by=email", "customers/?staff=true", "customers/{buyer}", "coupons/",
    "webhooks/{endpoint}",
    "webhooks/{endpoint}?status=failed", "webhooks/{endpoint}?q={number}", "audit-log/",
    "webhooks/{endpoint}?q=evt_1", "webhooks/{endpoint}?from=2026-06-01&to=2026-06-02",
)  # fmt: skip


@pytest.mark.parametrize("dear", [False, True], ids=["as planned", "sequential scans dear"])
def test_no_page_of_the_console_reads_a_big_table_whole(big: Flask, dear: bool) -> None:
    with big.app_context():
        buyer = db.session.scalars(select(Order.user_id).limit(1)).one()
        given = values(db.session) | {"buyer": buyer}
        given["endpoint"] = hooks.endpoint("https://9.9.9.9/", is_active=False)
    browser = Browser.of(big)
    calls = [("GET", f"/admin/{path.format(**given)}", None) for path in CONSOLE]
    recorder = record(big, calls, Console(browser))
    with big.app_context():
        assert scanned(recorder, dear=dear) == []
