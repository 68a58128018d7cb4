"""A walk through the shop at LOG_LEVEL=DEBUG: nothing of anybody stands in the log afterwards."""

import io
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from bookstore import logs
from bookstore.app import create_app
from bookstore.extensions import db, redis_handle
from bookstore.gateways import queue
from bookstore.models import User
from bookstore.services import channels
from tests.clients import ADDRESS, Client, LiveShop, ok, wait_until
from tests.conftest import Apps
from tests.factories import new_book
from tests.fakes.receiver import Receiver, status
from tests.fakes.sendgrid import KEY, FakeSendGrid, refusal
from tests.processes import LiveWorker
from tests.services import hooks

PERSON = {
    "username": "plantedname",
    "email": "planted.mail@example.com",
    "first_name": "Plantedfirst",
    "last_name": "Plantedlast",
}
PASSWORD = "planted passphrase"
TO = {**ADDRESS, "name": "Planted Addressee", "line1": "7 Planted Street"}
CARD = "4000000000009995"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    yield io.StringIO()
    logs.configure(level="WARNING", json_lines=False)


@pytest.fixture
def mailer() -> Iterator[FakeSendGrid]:
    with FakeSendGrid() as running:
        yield running


@pytest.fixture
def watched(
    apps: Apps, shop: Flask, mailer: FakeSendGrid, lines: io.StringIO, tmp_path: Path
) -> Iterator[Flask]:
    """The shop on the same database, with its log in ``lines``."""
    changes: dict[str, Any] = {
        "log_level": "DEBUG",
        "bookstore_home": tmp_path,
        "redis_url": apps.request.getfixturevalue("redis_server").url,
        "sendgrid_api_key": KEY,
        "sendgrid_host": mailer.url,
        "webhook_allow_private_networks": True,
    }
    made = create_app(replace(shop.config["SETTINGS"], **changes))
    made.config["PROPAGATE_EXCEPTIONS"] = False
    [ours] = [one for one in logging.getLogger().handlers if hasattr(one, "_bookstore")]
    assert isinstance(ours, logging.StreamHandler)
    ours.setStream(lines)
    yield made
    with made.app_context():
        db.engine.dispose()
        redis_handle.client.close()


def walk(client: Any, book: int) -> list[str]:
    """Do what a reader does; return the secrets that it was given."""
    added = client.post("/cart/items", {"book_id": book})
    guest = added.headers["X-Cart-Token"]
    ok(client.post("/auth/register", {**PERSON, "password": PASSWORD}), 201)
    login = {"username": PERSON["username"], "password": PASSWORD}
    assert client.post("/auth/token", {**login, "password": "planted"}).status_code == 401
    tokens = ok(client.post("/auth/token", login, X_Cart_Token=guest))
    me = client.with_token(tokens["access"])
    order = ok(me.post("/orders", {"shipping_address": TO}, Idempotency_Key="planted-key"), 201)
    paying = ok(me.post(f"/orders/{order['id']}/payment-intent"))
    body = {"client_secret": paying["client_secret"], "card_number": CARD}
    me.post("/payments/test/confirm", body)
    me.post("/auth/password-reset", {"email": PERSON["email"]})
    ok(me.post(f"/books/{book}/reviews", {"rating": 1, "comment": "planted comment"}), 201)
    ok(me.post("/me/devices", {"token": "planted-device", "platform": "ios"}), 201)
    ticket = ok(me.post("/ws/tickets"), 201)["ticket"]
    me.get(f"/api/v2/orders/{order['id']}/stream?ticket={ticket}x")
    me.get(f"/api/v2/books?q=planted-search&ticket={ticket}")
    me.post("/graphql/", {"query": "{ nothing(planted: 1) }"})
    me.post("/auth/register", "{ planted broken json")
    client.get("/me", X_API_Key="planted-api-key")  # pragma: allowlist secret
    ok(client.post("/auth/token/refresh", {"refresh": tokens["refresh"]}))
    client.post("/auth/token/refresh", {"refresh": tokens["refresh"]})
    return [guest, tokens["access"], tokens["refresh"], paying["client_secret"], ticket]


def assert_clean(log: str, secrets: list[str]) -> None:
    """Fail with the line in which something stands that was planted."""
    planted = ["planted", CARD, KEY, "whsec_", *secrets]
    found = [
        line
        for line in log.splitlines()
        if any(one.casefold() in line.casefold() for one in planted)
    ]
    assert not found, found[:5]


def test_the_walk(
    watched: Flask, mailer: FakeSendGrid, lines: io.StringIO, monkeypatch: Any
) -> None:
    book = new_book(watched)
    rule = next(r for r in watched.url_map.iter_rules() if r.rule == "/problems/<code>")

    def fail(code: str) -> None:
        if code == "text":
            raise RuntimeError(f"{PERSON['email']} with {CARD} by Bearer planted-bearer")
        row = {"username": "x", "username_key": PERSON["username"], "email": "x", "email_key": "x"}
        db.session.execute(insert(User).values(**row, password_hash=PASSWORD))

    monkeypatch.setitem(watched.view_functions, rule.endpoint, fail)
    # A mail service that quotes the address in what it answers, and one that fails.
    told = f"{PERSON['email']} is no address"
    mailer.faults.extend([refusal(400, told), refusal(500, told), "drop"])
    with Receiver() as receiver:
        receiver.mode = status(500, b"planted answer")
        with watched.app_context():
            hooks.endpoint(f"{receiver.url}/planted-hook?token=planted-token")
        secrets = walk(Client(watched), book)
        assert [Client(watched).get(f"/problems/{one}").status_code for one in ("text", "row")] == [
            500,
            500,
        ]
        with watched.app_context():
            channels.drain()
        assert receiver.received
    assert len(lines.getvalue().splitlines()) > 20
    assert "RuntimeError" in lines.getvalue()
    assert "IntegrityError" in lines.getvalue()
    assert_clean(lines.getvalue(), secrets)


RAW = (
    "GET /me?ticket=planted-ticket HTTP/9.9\r\n\r\n",
    "GET /planted path HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nX API Key: planted-key\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nX-API-Key: planted\x00key\r\n\r\n",
    "POST /api/v2/me HTTP/1.1\r\nHost: x\r\nContent-Length: planted\r\n\r\n",
    f"GET /?planted={'x' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n",
)


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.faults
def test_real_processes(apps: Apps, app: Flask, database: str, tmp_path: Path) -> None:
    settings = apps.settings(
        database,
        bookstore_home=tmp_path,
        redis_url=apps.request.getfixturevalue("redis_server").url,
        web_workers=1,
        log_level="DEBUG",
    )
    book = new_book(app)
    with LiveShop(settings) as live, LiveWorker(settings, LOG_LEVEL="DEBUG") as worker:
        token = live.register("plantedname")
        assert live.call("POST", "/cart/items", {"book_id": book}, token).status_code == 201
        body = {"shipping_address": TO}
        assert live.call("POST", "/orders", body, token).ok
        forgotten = {"email": "plantedname@example.com"}
        assert live.call("POST", "/auth/password-reset", forgotten, X_API_Key="planted-key").ok
        for raw in RAW:
            with socket.create_connection(("127.0.0.1", live.port), timeout=20) as sock:
                sock.sendall(raw.encode())
                assert sock.recv(100).startswith(b"HTTP/1.1 4"), raw
        assert queue.enqueue("bookstore.jobs.maintain", "planted-argument@example.com")
        worker.wait_for("job failed")
        wait_until(lambda: len(list((tmp_path / "mail").glob("*.eml"))) == 3)
        log = Path(live.log.name).read_text() + worker.log
    assert log.count("POST /api/v2/orders") == 1
    assert_clean(log, [token])
    assert "planted" not in _in_redis("{rq}:*", without=b"data").casefold()


def _in_redis(pattern: str, *, without: bytes) -> str:
    """Return all that stands in Redis under such keys, but for a field that RQ packs itself."""
    found = []
    for key in redis_handle.client.scan_iter(pattern):
        kind = redis_handle.client.type(key)
        if kind == b"hash":
            whole = redis_handle.client.hgetall(key)
            found.append({name: value for name, value in whole.items() if name != without})
        elif kind == b"stream":
            found.append(redis_handle.client.xrange(key))
        elif kind == b"list":
            found.append(redis_handle.client.lrange(key, 0, -1))
    return str(found)
