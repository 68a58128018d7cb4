"""What only a real server shows: broken chunks, half-sent bodies."""

import json
import socket
from contextlib import closing

import pytest
import requests
from flask import Flask

from tests.clients import LiveShop
from tests.factories import new_book

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


def send(live: LiveShop, raw: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", live.port), timeout=30)
    connection.sendall(raw)
    return connection


def head(length: str) -> bytes:
    return (
        f"POST /api/v2/auth/token HTTP/1.1\r\nHost: shop\r\n{length}\r\n"
        "Content-Type: application/json\r\n\r\n"
    ).encode()


def test_broken_chunks_are_the_clients_fault(live: LiveShop) -> None:
    with closing(send(live, head("Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n")) as c:
        answer = c.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b"application/problem+json" in answer


def test_a_body_that_ends_early_is_none(live: LiveShop) -> None:
    """What came of it would be JSON by itself; the client died before it had sent the rest."""
    body = b'{"username": "nobody", "password": "a password for tests"}'
    with closing(send(live, head(f"Content-Length: {len(body) + 100}") + body)) as connection:
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b"ends before its Content-Length" in answer


def test_half_sent_bodies_do_not_hold_the_shop(live: LiveShop) -> None:
    # More of them than one process has threads, should it get them all.
    held = [send(live, head("Content-Length: 100") + b'{"user') for _ in range(20)]
    try:
        assert requests.get(f"{live.url}/healthz", timeout=60).ok
        assert held[0].recv(65536).startswith(b"HTTP/1.1 400 ")
    finally:
        for connection in held:
            connection.close()


def test_what_never_becomes_a_request_is_a_problem(live: LiveShop) -> None:
    host = "Host: shop\r\n"
    for sent, status, code in (
        (f"GET /healthz?{'x' * 9000} HTTP/1.1\r\n{host}\r\n", 414, "uri_too_long"),
        (f"GET / HTTP/1.1\r\n{host}X: {'x' * 9000}\r\n\r\n", 431, "headers_too_large"),
        ("GET / HTTP/1.1\r\n" + host + "A: b\r\n" * 70 + "\r\n", 431, "headers_too_large"),
        (f"GET / HTTP/9.9\r\n{host}\r\n", 400, "bad_request"),
        (f'GET / HTTP/1.1\r\n{host}"<b>": 1\r\n\r\n', 400, "bad_request"),
    ):
        with closing(send(live, sent.encode())) as connection:
            head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert first.startswith(f"HTTP/1.1 {status} ")
        headers = dict(line.split(": ", 1) for line in lines)
        told = json.loads(body)
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert (told["status"], told["code"]) == (status, code)
        assert told["request_id"] == headers["X-Request-ID"]


def test_the_longest_cursor_fits_into_a_request(shop: Flask, live: LiveShop) -> None:
    for last in "ab":
        new_book(shop, title="\U00020000" * 499 + last)
    first = requests.get(f"{live.url}/api/v2/books?sort=title&limit=1", timeout=60)
    cursor = first.json()["next_cursor"]
    assert len(cursor) > 2600
    more = "&fields=" + "title%2C" * 80 + "title&limit=100"
    answer = requests.get(f"{live.url}/api/v2/books?sort=title&cursor={cursor}{more}", timeout=60)
    assert [book["title"][-1] for book in answer.json()["data"]] == ["b"]
