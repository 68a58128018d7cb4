"""How sockets end: each reason has its code, and a deploy takes a second, not a timeout."""

import os
import signal
import socket
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from flask import Flask
from flask_jwt_extended import create_access_token, decode_token
from websockets.exceptions import ConnectionClosed

from bookstore.extensions import db, redis_handle
from bookstore.models import User
from bookstore.services import accounts
from tests.clients import LiveShop, wait_until
from tests.conftest import Apps
from tests.sockets.following import Followed, closed, follow, read


def look_now(followed: Followed) -> None:
    """Cut every subscription to Redis: each process compares with the database at once."""
    with followed.shop.app_context():
        redis_handle.client.client_kill_filter(_type="pubsub", skipme=True)


def test_expiry_logout_and_demotion(followed: Followed) -> None:
    with followed.shop.app_context():
        claims = decode_token(followed.token)
        short = create_access_token(
            claims["sub"],
            additional_claims={"sid": claims["sid"]},
            expires_delta=timedelta(seconds=3),
        )
        clerk = int(decode_token(followed.clerk)["sub"])
    with (
        followed.socket(token=short) as expires,
        followed.socket() as leaves,
        followed.socket(token=followed.clerk) as demoted,
    ):
        for client in (expires, leaves, demoted):
            read(client)
        assert closed(expires) == 4401
        with followed.shop.app_context():
            accounts.promote(db.session.get(User, clerk).username, is_staff=False)
        # Told at once: without that they would be found out by the comparison every 15 s.
        assert closed(demoted, timeout=10) == 4403
        assert followed.live.call("DELETE", "/me", token=followed.token).status_code == 204
        assert closed(leaves, timeout=10) == 4401


class TestSaying:
    """What clients may say, and what they may not."""

    def test_a_message_is_at_most_8_kib(self, alone: Followed) -> None:
        with alone.socket() as client:
            client.send("x" * 8192)
            client.send("ä" * 4097)
            assert closed(client) == 1009
        with alone.socket() as client:
            client.send(["x" * 5000, "x" * 5000])  # in two fragments
            assert closed(client) == 1009

    def test_what_is_no_message_of_ours(self, alone: Followed) -> None:
        with alone.socket() as client:
            read(client)
            for text in ("", "{", "[]", "null", '{"type": "sync", "versions": []}', "\0"):
                client.send(text)
            client.send(['{"type": "sync", "versi', f'ons": {{"{alone.order_id}": 0}}}}'])
            assert read(client)["update"]["version"] == 1
            client.send(f'{{"type": "sync", "versions": {{"{alone.order_id}": 1}}}}')
            alone.advance("processing")
            assert read(client)["update"]["version"] == 2
            client.send(b"bytes")
            assert closed(client) == 1003

    def test_pings_are_answered_and_goodbyes_too(self, alone: Followed) -> None:
        with alone.socket() as client:
            assert client.ping().wait(10)
            client.close(1000, "bye")
            assert client.close_code == 1000

    def test_frames_that_are_none(self, alone: Followed) -> None:
        for junk in (b"\x81\x01x", b"\xf1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"\x80\x80\0\0\0\0"):
            with alone.socket() as client:
                read(client)
                client.socket.sendall(junk)
                assert closed(client) == 1002
        with alone.socket() as client:
            client.socket.sendall(b"\x81\x81\0\0\0\0\xff")  # not UTF-8
            assert closed(client) == 1007

    def test_what_was_sent_along_with_the_handshake(self, alone: Followed) -> None:
        """gunicorn reads ahead; what it has read reaches the hub."""
        with alone.socket() as client:
            handshake = client.request
            read(client)
        lines = [f"GET {handshake.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in handshake.headers.raw_items()]
        with socket.create_connection(("127.0.0.1", alone.live.port), timeout=20) as line:
            ping = b"\x89\x84\0\0\0\0abcd"
            line.sendall("\r\n".join([*lines, "", ""]).encode() + ping)
            got = b""
            while b"\x8a\x04abcd" not in got:
                piece = line.recv(65536)
                assert piece, got
                got += piece


@pytest.mark.parametrize("database", ["sqlite"])
def test_sigterm_sends_all_away_at_once(apps: Apps, shop: Flask, database: str) -> None:
    """The stock library leaves sockets sitting until the graceful timeout, then cuts them."""
    with (
        LiveShop(apps.settings(database, web_workers=2, web_threads=4)) as live,
        ExitStack() as stack,
    ):
        followed = follow(shop, live)
        clients = [stack.enter_context(followed.socket()) for _ in range(20)]
        [read(client) for client in clients]
        live.process.send_signal(signal.SIGTERM)
        codes = {closed(client) for client in clients}
        assert live.process.wait(timeout=40) == 0
    assert codes == {1012}


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_worker_that_is_replaced_sends_its_own_away(
    apps: Apps, shop: Flask, database: str
) -> None:
    with LiveShop(apps.settings(database, web_workers=1, web_threads=4)) as live:
        followed = follow(shop, live)
        with followed.socket() as client:
            read(client)
            [worker] = psutil.Process(live.process.pid).children()
            os.kill(worker.pid, signal.SIGTERM)
            assert closed(client) == 1012
        wait_until(lambda: psutil.Process(live.process.pid).children() != [worker])

        def again() -> bool:
            try:
                with followed.socket() as client:
                    return read(client)["type"] == "order_snapshot"
            except (OSError, ConnectionClosed):
                return False

        wait_until(again)


def test_request_threads_are_free_again(alone: Followed) -> None:
    """More sockets than threads, and the shop goes on; gunicorn counts no connection twice."""
    with ExitStack() as stack:
        for _ in range(15):
            read(stack.enter_context(alone.socket()))
        for _ in range(20):
            assert alone.live.call("GET", "/books").status_code == 200
        [worker] = psutil.Process(alone.live.process.pid).children()
        # Main, 4 of requests, hub, subscriber, resync and what libraries start; none a socket.
        assert worker.num_threads() < 15
    assert "Traceback" not in Path(alone.live.log.name).read_text()
