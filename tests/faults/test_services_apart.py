"""The shop as three services behind its gateway: the whole journey, and one of them killed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
from flask import Flask
from PIL import Image

from bookstore.services import doctor
from tests.clients import ADDRESS, ROOT, LiveShop, wait_until
from tests.conftest import Apps
from tests.factories import check_books, fill_carts, make_book, make_buyers, make_clerk, make_user
from tests.gateway import Apart, find_nginx
from tests.pictures import decoded, encoded
from tests.processes import LiveWorker, environ

pytestmark = pytest.mark.faults

BUYERS = 24


@pytest.fixture(scope="module")
def nginx() -> str:
    found = find_nginx()
    if found is None:
        assert not os.environ.get("CI"), "no nginx: the gateway would go untested"
        pytest.skip("no nginx on PATH, and none to be had from Debian's packages")
    return found


@pytest.fixture
def apart(apps: Apps, shop: Flask, database: str, nginx: str, tmp_path: Path) -> Iterator[Apart]:
    settings = apps.settings(
        database, web_workers=2, web_threads=8, webhook_allow_private_networks=True
    )
    with Apart(settings, nginx, tmp_path) as running:
        yield running


def away(answer: requests.Response, part: str = "users") -> None:
    """Assert that an answer says clearly which part is away, and when to come back."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    told = answer.json()
    assert (told["code"], told["part"]) == ("part_unavailable", part)
    assert told["request_id"] == answer.headers["X-Request-ID"]


def ask(apart: Apart, method: str, path: str, body: Any = None, **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{apart.gateway.url}{path}"
    return requests.request(method, url, json=body, headers=sent, timeout=60)


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
    assert ask(apart, "POST", "/api/v2/cart/items", {"book_id": book, "quantity": 3}, **mine).ok

    users.kill()

    # What is theirs is away, and says so, in each version's own way.
    away(ask(apart, "GET", "/api/v2/me", **mine))
    login = {"username": "reader", "password": "a password for tests"}
    away(ask(apart, "POST", "/api/v2/auth/token", login))
    away(ask(apart, "GET", "/api/me", **mine))
    old = ask(apart, "POST", "/api/token/", login)
    assert (old.status_code, list(old.json())) == (503, ["detail"])
    assert old.headers["Retry-After"]
    # The rest of the shop goes on, also for who is logged in.
    assert ask(apart, "GET", f"/api/v2/books/{book}").ok
    assert ask(apart, "GET", "/api/v2/cart", **mine).json()["total_items"] == 3
    body = {"shipping_address": ADDRESS}
    answer = ask(apart, "POST", "/api/v2/orders", body, **mine, Idempotency_Key="mine")
    assert answer.status_code == 201, answer.text
    order = answer.json()["id"]
    # Who has to ask who somebody is says that it cannot; after a few times, without trying.
    for _ in range(12):
        away(ask(apart, "POST", f"/api/v2/orders/{order}/payment-intent", **mine))
        away(peer_order(apart, orders, ordered, "for a friend"))

    users.start()

    def opened() -> bool:
        answer = ask(apart, "POST", f"/api/v2/orders/{order}/payment-intent", **mine)
        if answer.status_code == 503:
            away(answer)
            return False
        assert answer.ok, answer.text
        opened.secret = answer.json()["client_secret"]  # type: ignore[attr-defined]
        return True

    wait_until(opened)
    wait_until(lambda: ask(apart, "GET", "/api/v2/me", **mine).ok)
    card = {"client_secret": opened.secret, "card_number": "4242424242424242"}  # type: ignore[attr-defined]
    assert ask(apart, "POST", "/api/v2/payments/test/confirm", card, **mine).ok
    path = f"/api/v2/orders/{order}"
    wait_until(lambda: ask(apart, "GET", path, **mine).json()["payment_status"] == "paid")
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
            answer = ask(apart, "POST", path, body, **mine)
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


def test_a_cover_goes_through_the_gateway(shop: Flask, apart: Apart) -> None:
    with shop.app_context():
        book = make_book().id
    staff = {"Authorization": f"Bearer {make_clerk(shop)}"}
    # Larger than anything else may be.
    image = encoded(Image.effect_noise((1600, 2400), 90), "PNG")
    assert len(image) > 2**21
    wanted = {"content_type": "image/png", "size": len(image)}
    offer = ask(apart, "POST", f"/api/v2/books/{book}/cover", wanted, **staff).json()
    assert offer["upload"]["url"].startswith(apart.gateway.url)
    sent = requests.post(
        offer["upload"]["url"],
        data=offer["upload"]["fields"],
        files={"file": image},
        timeout=60,
    )
    assert sent.status_code == 204, sent.text
    done = ask(
        apart, "POST", f"/api/v2/books/{book}/cover/complete", {"key": offer["key"]}, **staff
    )
    assert done.status_code == 202

    def cover() -> Any:
        return ask(apart, "GET", f"/api/v2/books/{book}").json()["cover"]

    with LiveWorker(apart.settings):
        wait_until(lambda: cover() is not None)
    assert cover()["thumbnail_url"].startswith(apart.gateway.url)
    shown = requests.get(cover()["thumbnail_url"], timeout=60)
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/webp")
    assert decoded(shown.content).size == (200, 300)


def test_the_edge_has_limits_of_its_own(
    apps: Apps, shop: Flask, nginx: str, tmp_path: Path, database: str
) -> None:
    with Apart(apps.settings(database, web_workers=1), nginx, tmp_path, rate="1r/s") as apart:
        answers = [ask(apart, "GET", "/healthz") for _ in range(80)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 30
        assert refused[0].headers["Retry-After"] == "1"
        assert refused[0].json()["code"] == "rate_limited"
        assert {answer.status_code for answer in answers} == {200, 429}


def test_what_is_between_the_parts_stays_there(shop: Flask, apart: Apart) -> None:
    token = {"Authorization": f"Bearer {Apart.TOKEN}"}
    for path in ("/internal/users/1", "/internal/orders/1", "/metrics"):
        answer = ask(apart, "GET", path, **token)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    for part, shop_of in apart.parts.items():
        direct = requests.get(f"{shop_of.url}/internal/users/999", headers=token, timeout=20)
        # Each has only what is its own.
        told = (direct.status_code, direct.json()["detail"])
        assert told[0] == 404
        assert ("no user 999" in told[1]) == (part == "users")
