"""What is counted of requests and of the business, and that its labels have few values."""

import logging
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bookstore import create_app, instruments
from bookstore.engine import CountingPool
from bookstore.extensions import db
from bookstore.services import cart, orders
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, ok, problem
from tests.conftest import Apps
from tests.factories import log_in, make_book, make_user, new_book
from tests.fakes.stripe import FakeStripe
from tests.paying import paid, place

Grown = Callable[..., float]


def figures() -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("bookstore_"), *sample.labels.values()): sample.value
        for family in instruments.read()
        for sample in family.samples
    }


@pytest.fixture
def grown() -> Grown:
    """Tells by how much a figure has grown since the test began: all tests are one process."""
    before = figures()

    def by(*sample: str) -> float:
        return figures().get(sample, 0) - before.get(sample, 0)

    return by


SECONDS = "http_request_duration_seconds_count"


@pytest.mark.parametrize("database", ["sqlite"])
class TestRequests:
    """Counted by route, method and class of status."""

    def test_the_route_is_a_rule(self, shop: Flask, client: Client, grown: Grown) -> None:
        for _ in range(2):
            ok(client.get(f"/books/{new_book(shop)}"))
        problem(client.get("/books/999"), 404, "not_found")
        rule = "/api/v2/books/<id:book_id>"
        assert grown(SECONDS, "GET", rule, "2xx") == 2
        assert grown(SECONDS, "GET", rule, "4xx") == 1
        assert (grown("http_responses_total", "200"), grown("http_responses_total", "404")) == (
            2,
            1,
        )
        # None of these is a path of a request.
        assert figures()["http_requests_in_progress",] == 0

    def test_what_clients_make_up_is_one_label(self, client: Client, grown: Grown) -> None:
        before = len(figures())
        for number in range(30):
            client.get(f"/nothing/{number}")
            client.get(f"/api/v2/{number}/nothing")
            client.call(f"BREW{number}", f"/books/{number + 1}")
            client.get("/books", Accept=f"application/vnd.bookstore.v{number + 9}+json")
        assert grown(SECONDS, "GET", "unknown", "4xx") >= 60
        assert grown(SECONDS, "unknown", "unknown", "4xx") == 30
        # Three or four histograms of 15 samples, and a count for each status.
        assert len(figures()) - before < 70

    def test_routes_are_few(self, shop: Flask) -> None:
        rules = {rule.rule for rule in shop.url_map.iter_rules()} | {"unknown"}
        seen = {sample[2] for sample in figures() if sample[0] == SECONDS}
        assert seen <= rules

    def test_a_fault_is_counted(self, shop: Flask, client: Client, grown: Grown) -> None:
        with shop.app_context(), db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE books RENAME TO books_away"))
        shop.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
        try:
            status = client.get("/books/1").status_code
        finally:
            shop.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=None)
            with shop.app_context(), db.engine.begin() as connection:
                connection.execute(text("ALTER TABLE books_away RENAME TO books"))
        assert status >= 500
        assert grown(SECONDS, "GET", "/api/v2/books/<id:book_id>", "5xx") == 1
        assert grown("http_responses_total", str(status)) == 1

    def test_logins(self, shop: Flask, client: Client, grown: Grown) -> None:
        account = {"username": "ann", "email": "a@example.com", "password": "a password for tests"}
        ok(client.post("/auth/register", account), 201)
        login = {"username": "ann", "password": account["password"]}
        ok(client.post("/auth/token", login))
        ok(client.post("/api/token/", login))
        problem(client.post("/auth/token", login | {"password": "x"}), 401, "bad_credentials")
        assert client.post("/api/token/", login | {"password": "x"}).status_code == 401
        client.post("/auth/token", {"username": "ann"})
        assert (grown("logins_total", "ok"), grown("logins_total", "failed")) == (2, 2)

    def test_the_cache(self, shop: Flask, client: Client, grown: Grown) -> None:
        book = new_book(shop)
        for _ in range(3):
            ok(client.get(f"/books/{book}"))
        found = [grown("cache_requests_total", "catalog", kind) for kind in ("hit", "miss")]
        assert found == [2, 1]


def test_orders_and_money(app: Flask, fake_stripe: FakeStripe, grown: Grown) -> None:
    order = place(price=1999, copies=1, stock=1)
    assert grown("orders_placed_total", "usd") == 1
    assert grown("books_sold_out_total") == 1
    assert grown("orders_paid_total", "usd") == 0
    paid(fake_stripe, order)
    assert grown("orders_paid_total", "usd") == 1
    assert grown("revenue_minor_units_total", "usd") == order.total_amount == 2498


def test_what_is_rolled_back_is_not_counted(app: Flask, grown: Grown) -> None:
    with pytest.raises(RuntimeError, match="after all"), unit_of_work():
        place(stock=1)
        raise RuntimeError("not after all")
    assert grown("orders_placed_total", "usd") == 0
    assert grown("books_sold_out_total") == 0


def test_what_is_refused(shop: Flask, grown: Grown) -> None:
    with shop.app_context():
        book, other = make_book(stock=1), make_user()
        client = log_in(shop, make_user())
        ok(client.post("/cart/items", {"book_id": book.id, "quantity": 1}), 201)
        cart.add_item(other, book.id, 1)
        orders.place(other, ADDRESS)
    problem(client.post("/orders", {"shipping_address": ADDRESS}), 409, "out_of_stock")
    assert grown("orders_refused_total", "out_of_stock") == 1
    assert grown("orders_placed_total", "usd") == 1


def test_the_pool_and_slow_statements(
    apps: Apps, database: str, grown: Grown, caplog: pytest.LogCaptureFixture
) -> None:
    apps.empty(database)
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90000)"
    slow = {"postgresql": "SELECT pg_sleep(0.01)", "sqlite": f"{count} SELECT count(*) FROM n"}
    shop = create_app(apps.settings(database, slow_query_ms=1))
    # Other apps of this process have connections as well.
    opened = grown("database_pool_connections", "other")
    with shop.app_context():
        with caplog.at_level(logging.WARNING), db.engine.connect() as connection:
            assert grown("database_pool_in_use", "other") == 1
            connection.execute(text(slow[database]))
        assert grown("database_pool_in_use", "other") == 0
        assert grown("database_pool_connections", "other") == opened + 1
        db.engine.dispose()
    assert grown("database_pool_connections", "other") == opened
    assert grown("database_slow_queries_total", "other") >= 1
    assert "slow query" in caplog.text


def test_who_waits_in_vain_for_a_connection(grown: Grown) -> None:
    engine = create_engine(
        "sqlite://", poolclass=CountingPool, pool_size=1, max_overflow=0, pool_timeout=0
    )
    with engine.connect(), pytest.raises(PoolTimeout):
        engine.connect()
    engine.dispose()
    assert grown("database_pool_waits_total", "other") == 1
    assert grown("database_pool_timeouts_total", "other") == 1
