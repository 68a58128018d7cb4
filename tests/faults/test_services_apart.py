"""The shop as three services behind its gateway: the whole journey, and one of them killed."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import psutil
import pytest
import requests
from flask import Flask

from bookstore.services import doctor
from tests.clients import ADDRESS, ROOT, LiveShop, wait_until
from tests.factories import check_books, fill_carts, make_book, make_buyers, make_user
from tests.gateway import Apart
from tests.processes import LiveWorker, environ

pytestmark = pytest.mark.faults

BUYERS = 24


def away(answer: requests.Response, part: str = "users") -> None:
    """Assert that an answer says clearly which part is away, and when to come back."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    told = answer.json()
    assert (told["code"], told["part"]) == ("part_unavailable", part)
    assert told["request_id"] == answer.headers["X-Request-ID"]


def peer_order(apart: Apart, shop: LiveShop, body: Any, key: str) -> requests.Response:
    """Ask the orders part as another part does."""
    headers = {"Authorization": f"Bearer {Apart.TOKEN}", "Idempotency-Key": key}
    return requests.post(f"{shop.url}/internal/orders", json=body, headers=headers, timeout=60)


@pytest.mark.parametrize("api", ["v1", "v2", "graphql"])
def test_the_demo_walks_through_the_gateway(shop: Flask, apart: Apart, api: str) -> None:
    with shop.app_context():
        for title in ("The Hobbit", "A Wizard of Earthsea", "The Dispossessed"):
            make_book(title, stock=20)
    with LiveWorker(apart.settings):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "flask", "--app", "wsgi", "demo", "--api", api),
                *("--url", apart.gateway.url, "--query", "hobit"),
            ],
            cwd=ROOT,
            env=environ(apart.settings),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "Receipt for order" in done.stdout
    assert "Nothing found:" in done.stdout
    # Each part did its own, and nothing went past the gateway.
    served = {line.split('"part": "')[1].split('"')[0] for line in apart.gateway.log.splitlines()}
    assert served == {"catalog", "orders", "users"}


def test_the_users_service_is_killed_in_the_middle(shop: Flask, apart: Apart) -> None:
    users, orders = apart.parts["users"], apart.parts["orders"]
    with shop.app_context():
        book, friend = make_book(stock=20, price=1500).id, make_user().id
    reader = apart.gateway.register("reader")
    mine = {"Authorization": f"Bearer {reader}"}
    ordered = {"user_id": friend, "items": [{"book_id": book, "quantity": 2}]}
    ordered["shipping_address"] = ADDRESS
    assert apart.ask("POST", "/api/v2/cart/items", {"book_id": book, "quantity": 3}, **mine).ok

    users.kill()

    # What is theirs is away, and says so, in each version's own way.
    away(apart.ask("GET", "/api/v2/me", **mine))
    login = {"username": "reader", "password": "a password for tests"}
    away(apart.ask("POST", "/api/v2/auth/token", login))
    away(apart.ask("GET", "/api/me", **mine))
    old = apart.ask("POST", "/api/token/", login)
    assert (old.status_code, list(old.json())) == (503, ["detail"])
    assert old.headers["Retry-After"]
    # As whatever v1 answers, from the shop itself or from its gateway.
    catalog = apart.ask("GET", "/api/v1/cart/", **mine)
    assert all(old.headers[name] == catalog.headers[name] for name in ("Deprecation", "Sunset"))
    assert 'rel="successor-version"' in old.headers["Link"]
    assert old.headers["Warning"].startswith("299 - ")
    asked = {**mine, "Accept": "application/json; version=v1"}
    assert list(apart.ask("GET", "/api/me", **asked).json()) == ["detail"]
    # The rest of the shop goes on, also for who is logged in.
    assert apart.ask("GET", f"/api/v2/books/{book}").ok
    assert apart.ask("GET", "/api/v2/cart", **mine).json()["total_items"] == 3
    body = {"shipping_address": ADDRESS}
    answer = apart.ask("POST", "/api/v2/orders", body, **mine, Idempotency_Key="mine")
    assert answer.status_code == 201, answer.text
    order = answer.json()["id"]
    # Who has to ask who somebody is says that it cannot; after a few times, without trying.
    for _ in range(12):
        away(apart.ask("POST", f"/api/v2/orders/{order}/payment-intent", **mine))
        away(peer_order(apart, orders, ordered, "for a friend"))

    users.start()

    def opened() -> bool:
        answer = apart.ask("POST", f"/api/v2/orders/{order}/payment-intent", **mine)
        if answer.status_code == 503:
            away(answer)
            return False
        assert answer.ok, answer.text
        opened.secret = answer.json()["client_secret"]  # type: ignore[attr-defined]
        return True

    wait_until(opened)
    wait_until(lambda: apart.ask("GET", "/api/v2/me", **mine).ok)
    card = {"client_secret": opened.secret, "card_number": "4242424242424242"}  # type: ignore[attr-defined]
    assert apart.ask("POST", "/api/v2/payments/test/confirm", card, **mine).ok
    path = f"/api/v2/orders/{order}"
    wait_until(lambda: apart.ask("GET", path, **mine).json()["payment_status"] == "paid")
    # The same request under its key: done now, and only once.
    wait_until(lambda: peer_order(apart, orders, ordered, "for a friend").status_code == 201)
    first, second = (peer_order(apart, orders, ordered, "for a friend") for _ in range(2))
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.json()["user_id"] == friend
    with shop.app_context():
        assert list(doctor.examine(days=1)) == []
    assert check_books(shop) == {book: 15}


def test_nothing_is_lost_while_it_dies_and_comes_back(shop: Flask, apart: Apart) -> None:
    users = apart.parts["users"]
    with shop.app_context():
        book = make_book(stock=10 * BUYERS, price=1500).id
    buyers = make_buyers(shop, BUYERS)
    fill_carts(shop, {user: [(book, 1)] for user, _ in buyers})
    some = Event()
    seen: set[int] = set()

    def buy(user: int, token: str) -> tuple[int, str]:
        """Order and open the payment, each until there is an answer; return both ids."""
        mine = {"Authorization": f"Bearer {token}", "Idempotency_Key": f"key {user}"}
        told: dict[str, Any] = {}

        def done(path: str, body: Any) -> bool:
            answer = apart.ask("POST", path, body, **mine)
            seen.add(answer.status_code)
            if answer.status_code == 503:
                away(answer)
                return False
            assert answer.ok, answer.text
            told.update(answer.json())
            return True

        wait_until(lambda: done("/api/v2/orders", {"shipping_address": ADDRESS}), 60)
        some.set()
        wait_until(lambda: done(f"/api/v2/orders/{told['id']}/payment-intent", None), 60)
        return told["id"], told["client_secret"]

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(buy, user, token) for user, token in buyers]
        assert some.wait(60)
        users.kill()
        wait_until(lambda: 503 in seen)
        users.start()
        paid_by = [job.result() for job in jobs]
    assert len({order for order, _ in paid_by}) == len({secret for _, secret in paid_by}) == BUYERS
    with shop.app_context():
        assert list(doctor.examine(days=1)) == []
    assert check_books(shop) == {book: 9 * BUYERS}


def test_a_service_that_hangs_holds_nobody_else(shop: Flask, apart: Apart) -> None:
    with shop.app_context():
        book = make_book(stock=99, price=1500).id
    buyers = make_buyers(shop, 13)
    fill_carts(shop, {user: [(book, 1)] for user, _ in buyers})
    *first, (_, last) = buyers
    users = psutil.Process(apart.parts["users"].process.pid)
    family = [users, *users.children(recursive=True)]

    def order(token: str) -> int:
        mine = {"Authorization": f"Bearer {token}"}
        body = {"shipping_address": ADDRESS}
        return int(apart.ask("POST", "/api/v2/orders", body, **mine).json()["id"])

    placed = [(order(token), token) for _, token in first]
    for process in family:
        process.suspend()
    try:
        with ThreadPoolExecutor(len(placed)) as pool:
            waiting = [
                pool.submit(
                    apart.ask,
                    "POST",
                    f"/api/v2/orders/{number}/payment-intent",
                    Authorization=f"Bearer {token}",
                )
                for number, token in placed
            ]
            # The rest of the shop goes on before those who wait are refused.
            assert apart.ask("GET", "/api/v2/cart", Authorization=f"Bearer {last}").ok
            assert any(not one.done() for one in waiting)
            for one in waiting:
                away(one.result())
        away(apart.ask("GET", "/api/v2/me", Authorization=f"Bearer {last}"))
    finally:
        for process in family:
            process.resume()
