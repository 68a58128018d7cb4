"""The chosen server (docs/decisions/0031-servers.md) stops under load, and nobody is failed."""

import signal
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests.clients import LiveShop, wait_until
from tests.conftest import Apps
from tests.sockets.following import closed, follow, read

READERS = 16
ASKED = b"GET /api/v2/books HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("database", ["sqlite"])
def test_who_was_let_in_is_answered_and_followers_are_told(
    apps: Apps, shop: Flask, database: str
) -> None:
    settings = apps.settings(database, web_workers=2, web_threads=4)
    with LiveShop(settings) as live:
        followed = follow(shop, live)
        answers: Counter[str] = Counter()
        counting = threading.Lock()

        def read_on() -> None:
            """Ask on a new connection each time, until there is nobody to connect to."""
            while True:
                got = ask(live.port)
                with counting:
                    answers[got] += 1
                if got == "refused":
                    return

        with followed.socket() as follower, ThreadPoolExecutor(READERS) as pool:
            assert read(follower)["type"] == "order_snapshot"
            readers = [pool.submit(read_on) for _ in range(READERS)]
            wait_until(lambda: answers["whole"] >= READERS)
            live.process.send_signal(signal.SIGTERM)
            assert closed(follower) == 1012
            [reader.result(timeout=60) for reader in readers]
        assert live.process.wait(timeout=40) == 0
    assert set(answers) == {"whole", "refused"}, answers


def ask(port: int) -> str:
    """Return whole, refused (no connection), or what came instead of a whole answer."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    except ConnectionRefusedError:
        return "refused"
    with connection:
        got = b""
        try:
            connection.sendall(
                b"GET /api/v2/books HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"
            )
            while piece := connection.recv(65536):
                got += piece
        except OSError as error:
            return f"{error!r} after {got[:80]!r}"
    return "whole" if got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"}") else repr(got[:80])
