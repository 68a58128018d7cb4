"""What only a real server shows: broken chunks, half-sent bodies."""

import socket
from contextlib import closing

import pytest
import requests

from tests.clients import LiveShop

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


def test_half_sent_bodies_do_not_hold_the_shop(live: LiveShop) -> None:
    # More of them than one process has threads, should it get them all.
    held = [send(live, head("Content-Length: 100") + b'{"user') for _ in range(20)]
    try:
        assert requests.get(f"{live.url}/healthz", timeout=60).ok
        assert held[0].recv(65536).startswith(b"HTTP/1.1 400 ")
    finally:
        for connection in held:
            connection.close()
