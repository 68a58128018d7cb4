"""What the tests of sockets share: a shop with an order, and clients that follow it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from bookstore.extensions import db
from bookstore.models import Order
from bookstore.services import live as live_service
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, LiveShop
from tests.factories import fill_carts, make_book, make_buyers, make_clerk


@dataclass
class Followed:
    """An order of a reader's in a shop that runs."""

    shop: Flask
    live: LiveShop
    reader: int
    token: str
    clerk: str
    order_id: int

    @property
    def path(self) -> str:
        """Where its socket is."""
        return f"/ws/orders/{self.order_id}"

    def socket(self, path: str | None = None, token: str | None = None, **more: Any) -> Any:
        """Return a connected client (a context manager)."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return ws(self.live, path or self.path, headers, **more)

    def advance(self, status: str, **more: str) -> int:
        """Move the order along by the API; return its version."""
        body = {"status": status, **more}
        answer = self.live.call("POST", f"/orders/{self.order_id}/status", body, self.clerk)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["version"])

    def change(self, *, publish: bool = True, order_id: int | None = None) -> int:
        """Make a new version of the order; unpublished, it is as if lost on the way."""
        with self.shop.app_context(), unit_of_work() as session:
            which = order_id or self.order_id
            session.execute(
                update(Order)
                .where(Order.id == which)
                .values(version=Order.version + 1)
                .execution_options(synchronize_session=False)
            )
            order = session.get(Order, which, populate_existing=True)
            assert order is not None
            if publish:
                live_service.publish_order(order)
            return order.version

    def version(self) -> int:
        """Return the order's version in the database."""
        with self.shop.app_context(), db.engine.connect() as connection:
            query = select(func.max(Order.version)).where(Order.id == self.order_id)
            return int(connection.execute(query).scalar_one())


def ws(live: LiveShop, path: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
    """Connect a WebSocket client."""
    url = f"ws://127.0.0.1:{live.port}{path}"
    options = {"compression": "deflate", "open_timeout": 20, "close_timeout": 5, "max_size": 2**24}
    return connect(url, additional_headers=headers or {}, **{**options, **more})


def follow(shop: Flask, live: LiveShop) -> Followed:
    """Return a reader's order, placed by the API, and a clerk who moves it along."""
    with shop.app_context():
        book = make_book(stock=100, price=1310).id
    [(reader, token)] = make_buyers(shop, 1)
    clerk = make_clerk(shop)
    fill_carts(shop, {reader: [(book, 1)]})
    answer = live.call("POST", "/orders", {"shipping_address": ADDRESS}, token)
    assert answer.status_code == 201, answer.text
    return Followed(shop, live, reader, token, clerk, answer.json()["id"])


def read(client: ClientConnection, timeout: float = 20) -> dict[str, Any]:
    """Return the next message."""
    return dict(json.loads(client.recv(timeout=timeout)))


def closed(client: ClientConnection, timeout: float = 30) -> int:
    """Read until the server closes; return the code."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            client.recv(timeout=timeout)
    return caught.value.rcvd.code if caught.value.rcvd else 1006


@contextmanager
def refused(status: int, code: str) -> Iterator[None]:
    """Expect that a handshake is answered by a problem instead."""
    with pytest.raises(InvalidStatus) as caught:
        yield
    answer = caught.value.response
    body = json.loads(answer.body or b"{}")
    assert answer.status_code == status, body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["code"] == code
    assert body["request_id"] == answer.headers["X-Request-ID"]
