"""Whose request it is: what a proxy says is believed when it is ours, and nobody else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask, request

from bookstore import create_app
from bookstore.extensions import db
from tests.clients import Client
from tests.conftest import Apps

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

SPOOFED = {
    "X-Forwarded-For": "203.0.113.5, 198.51.100.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "4443",
    "X-Forwarded-Prefix": "/elsewhere",
    "X-Real-IP": "203.0.113.5",
    "Forwarded": "for=203.0.113.5;proto=https;host=evil.example",
}
Behind = Callable[[int], Client]


@pytest.fixture
def behind(apps: Apps, shop: Flask, database: str) -> Iterator[Behind]:
    """A shop behind so many proxies."""
    made = []

    def make(proxies: int) -> Client:
        app = create_app(
            apps.settings(database, trusted_proxies=proxies, ratelimit_burst="2/minute")
        )
        made.append(app)
        return Client(app)

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@contextmanager
def seen(client: Client, headers: dict[str, str]) -> Iterator[tuple[str | None, str, str]]:
    """Give (address, scheme, host) as the shop sees a request with these headers."""
    found = []

    def look() -> None:
        found.append((request.remote_addr, request.scheme, request.host))

    client.app.before_request_funcs.setdefault(None, []).insert(0, look)
    try:
        answer = client.http.get(
            "/api/v2/books", headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.1"}
        )
        assert answer.status_code == 200
        yield found[0]
    finally:
        client.app.before_request_funcs[None].remove(look)


def test_nobody_is_believed_by_default(behind: Behind) -> None:
    with seen(behind(0), SPOOFED) as found:
        assert found == ("10.0.0.1", "http", "localhost")


def test_the_last_proxy_is_believed_and_what_came_before_is_not(behind: Behind) -> None:
    with seen(behind(1), SPOOFED) as found:
        assert found == ("198.51.100.9", "https", "evil.example")  # as the proxy says
    with seen(behind(2), SPOOFED) as (address, *_):
        assert address == "203.0.113.5"
    # Fewer than there are proxies: somebody came around them.
    with seen(behind(3), SPOOFED) as found:
        assert found == ("10.0.0.1", "http", "localhost")


def test_limits_follow(behind: Behind) -> None:
    def status(client: Client, forwarded: str) -> int:
        sent = {"X-Forwarded-For": forwarded}
        base = {"REMOTE_ADDR": "10.0.0.1"}
        return client.http.get("/api/v2/books", headers=sent, environ_base=base).status_code

    trusting = behind(1)
    # What a client sends itself stands before what the proxy adds.
    assert [status(trusting, f"1.1.1.{n}, 192.0.2.1") for n in range(3)] == [200, 200, 429]
    assert status(trusting, "192.0.2.2") == 200
    direct = behind(0)
    assert [status(direct, f"192.0.2.{n}") for n in range(10, 13)] == [200, 200, 429]
