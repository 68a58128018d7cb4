"""Processes that die, stop or lose their Redis in the middle of a storm of orders."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.gateways.embedded_redis import EmbeddedRedis
from bookstore.models import IdempotencyKey, Order
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, LiveShop, wait_until
from tests.conftest import Apps
from tests.factories import check_books, fill_carts, make_book, make_buyers, make_clerk

pytestmark = pytest.mark.faults

BUYERS = 80


class Storm:
    """Buyers who each order once, with a key, over and over until they have an answer."""

    def __init__(self, shop: Flask) -> None:
        with shop.app_context():
            self.book = make_book(stock=10 * BUYERS, price=1310).id
        self.shop = shop
        self.buyers = make_buyers(shop, BUYERS)
        fill_carts(shop, {user: [(self.book, 1)] for user, _ in self.buyers})
        # User id → order id, of every 201 that arrived.
        self.placed: dict[int, int] = {}

    def order(self, live: LiveShop, user: int, token: str) -> str:
        """Order once; return how it ended."""
        body = {"shipping_address": ADDRESS}
        try:
            answer = live.call("POST", "/orders", body, token, Idempotency_Key=f"key {user}")
        except requests.RequestException as error:
            return "refused" if "refused" in str(error) else "cut"
        if answer.status_code == 201:
            order_id = answer.json()["id"]
            assert self.placed.setdefault(user, order_id) == order_id
        return str(answer.status_code)

    def blow(self, live: LiveShop, meanwhile: Callable[[], Any]) -> Counter[str]:
        """Let all order, and do something as soon as a fifth of them have an answer."""
        some, pool = Event(), ThreadPoolExecutor(32)

        def one(user: int, token: str) -> str:
            ended = self.order(live, user, token)
            if len(self.placed) >= BUYERS // 5:
                some.set()
            return ended

        with pool:
            jobs = [pool.submit(one, user, token) for user, token in self.buyers]
            assert some.wait(60)
            meanwhile()
            return Counter(job.result() for job in jobs)

    def everybody_has_one_order(self) -> None:
        with self.shop.app_context():
            owners = db.session.execute(select(Order.user_id, Order.id)).all()
        assert Counter(user for user, _ in owners) == Counter(user for user, _ in self.buyers)
        assert dict(owners) == self.placed
        assert check_books(self.shop) == {self.book: 9 * BUYERS}


def let_the_leases_run_out(shop: Flask) -> None:
    with shop.app_context(), unit_of_work() as session:
        running = update(IdempotencyKey).where(IdempotencyKey.status_code.is_(None))
        session.execute(running.values(leased_until=clock.now() - timedelta(seconds=1)))


@pytest.mark.parametrize("_round", range(5))
def test_kill_9_loses_and_doubles_nothing(shop: Flask, live: LiveShop, _round: int) -> None:
    storm = Storm(shop)
    ended = storm.blow(live, live.kill)
    assert ended["201"] < BUYERS, "the blow came too late"
    assert set(ended) <= {"201", "cut", "refused"}, ended
    check_books(shop)
    with shop.app_context():
        kept = set(db.session.scalars(select(Order.id)))
    assert set(storm.placed.values()) <= kept
    live.start()
    let_the_leases_run_out(shop)
    again = storm.blow(live, lambda: None)
    assert again == {"201": BUYERS}
    storm.everybody_has_one_order()


def test_sigterm_answers_what_it_took(shop: Flask, live: LiveShop) -> None:
    storm = Storm(shop)
    statuses: list[int] = []
    ended = storm.blow(live, lambda: statuses.append(live.stop()))
    assert statuses == [0]
    assert set(ended) <= {"201", "refused"}, ended
    with shop.app_context():
        assert db.session.scalar(select(func.count()).select_from(Order)) == ended["201"]
        # Nobody was left in the middle either.
        pending = select(IdempotencyKey.id).where(IdempotencyKey.status_code.is_(None))
        assert db.session.scalars(pending).all() == []
    live.start()
    assert storm.blow(live, lambda: None) == {"201": BUYERS}
    storm.everybody_has_one_order()


def test_redis_stops_and_comes_back(apps: Apps, shop: Flask, database: str, tmp_path: Path) -> None:
    storm, clerk = Storm(shop), make_clerk(shop)
    settings = apps.settings(database, web_workers=4, web_threads=8, bookstore_home=tmp_path)
    with EmbeddedRedis(tmp_path) as server, LiveShop(settings) as live:

        def ready() -> str:
            return str(requests.get(f"{live.url}/readyz", timeout=10).json()["checks"]["redis"])

        def prices() -> set[str]:
            # Each request on a connection of its own, so that all processes are asked.
            pages = [live.call("GET", "/books").json()["data"] for _ in range(40)]
            return {page[0]["price"] for page in pages}

        def reprice(price: str) -> None:
            body, path = {"price": price}, f"/books/{storm.book}"
            assert live.call("PATCH", path, body, clerk, If_Match="*").status_code == 200

        assert (ready(), prices()) == ("ok", {"13.10"})
        assert storm.blow(live, server.stop) == {"201": BUYERS}
        storm.everybody_has_one_order()
        assert ready() == "unreachable"
        reprice("14.00")
        assert prices() == {"14.00"}
        add = partial(live.call, "POST", "/cart/items", {"book_id": storm.book})
        assert add(storm.buyers[0][1]).status_code == 201
        assert live.call("GET", "/cart", token=storm.buyers[0][1]).json()["subtotal"] == "14.00"
        server.start()
        # The process that changed the price says so as soon as it finds Redis again.
        wait_until(lambda: ready() == "ok" and prices() == {"14.00"})
        assert prices() == {"14.00"}
        reprice("15.00")
        assert prices() == {"15.00"}
