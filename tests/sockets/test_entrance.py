"""Who may open a socket is decided before the upgrade; a refusal is an ordinary problem."""

import base64
import json
import socket
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask_jwt_extended import create_access_token, decode_token

from bookstore.extensions import redis_handle
from bookstore.gateways import presence
from bookstore.gateways.embedded_redis import EmbeddedRedis
from tests.clients import LiveShop, problem, wait_until
from tests.conftest import Apps
from tests.factories import make_buyers, reader_and_clerk
from tests.sockets.following import Followed, closed, follow, read, refused, ws


def token_for(followed: Followed, **seconds: float) -> str:
    """Return a token of the reader's login with another life."""
    with followed.shop.app_context():
        sid = decode_token(followed.token)["sid"]
        return str(
            create_access_token(
                str(followed.reader),
                additional_claims={"sid": sid},
                expires_delta=timedelta(**seconds),
            )
        )


def ticket(followed: Followed, token: str | None = None) -> str:
    """Get a ticket by the API."""
    answer = followed.live.call("POST", "/ws/tickets", token=token or followed.token)
    assert answer.status_code == 201, answer.text
    assert answer.json()["expires_in"] == 30
    return str(answer.json()["ticket"])


def test_logins(followed: Followed) -> None:
    live = followed.live
    for path in (followed.path, "/ws/notifications", "/ws/jobs/1"):
        with refused(401, "unauthenticated"), ws(live, path):
            pass
        with refused(401, "unauthenticated"), followed.socket(path, "junk"):
            pass
        with refused(401, "unauthenticated"), ws(live, f"{path}?ticket=junk"):
            pass
        with refused(401, "token_expired"), followed.socket(path, token_for(followed, seconds=-1)):
            pass
        with refused(422, "validation_failed"), followed.socket(f"{path}?junk=1"):
            pass
    [(_, other)] = make_buyers(followed.shop, 1)
    with refused(404, "not_found"), followed.socket(token=other):
        pass
    with refused(404, "not_found"), followed.socket("/ws/orders/999"):
        pass
    with refused(404, "not_found"), followed.socket("/ws/orders/0"):
        pass
    assert live.call("POST", "/ws/tickets").status_code == 401
    logout = live.call("DELETE", "/me", token=other)
    assert logout.status_code == 204
    with refused(401, "token_revoked"), followed.socket("/ws/notifications", other):
        pass


def test_a_ticket_is_good_once(followed: Followed) -> None:
    first = ticket(followed)
    with ws(followed.live, f"{followed.path}?ticket={first}") as client:
        assert read(client)["type"] == "order_snapshot"
    with refused(401, "unauthenticated"), ws(followed.live, f"{followed.path}?ticket={first}"):
        pass
    # It stands for the user, not for the path; and Redis holds no ticket in clear.
    second = ticket(followed)
    with followed.shop.app_context():
        kept = b" ".join(redis_handle.client.keys("*"))
        assert second.encode() not in kept
        [key] = redis_handle.client.keys("bookstore:ticket:*")
        assert 0 < redis_handle.client.ttl(key) <= 30
    with ws(followed.live, f"/ws/notifications?ticket={second}") as client:
        assert read(client)["type"] == "notifications_snapshot"
    # What it opens ends when the token ends that it was got with.
    third = ticket(followed, token_for(followed, seconds=3))
    with ws(followed.live, f"{followed.path}?ticket={third}") as client:
        assert closed(client) == 4401


def test_pages_of_other_sites(followed: Followed) -> None:
    host = f"127.0.0.1:{followed.live.port}"
    for origin in (
        "https://evil.example",
        "null",
        "http://127.0.0.1",
        f"http://{host}.evil.example",
    ):
        with refused(403, "origin_not_allowed"), followed.socket(origin=origin):
            pass
    for origin in (f"http://{host}", f"https://{host}", "https://app.example.com"):
        with followed.socket(origin=origin) as client:
            assert read(client)["type"] == "order_snapshot"


def test_twenty_a_user_over_all_processes(followed: Followed) -> None:
    paths = [followed.path, "/ws/notifications"] * 10
    with ExitStack() as stack:
        clients = [stack.enter_context(followed.socket(path)) for path in paths]
        for client in clients:
            read(client)
        with refused(429, "too_many_sockets"), followed.socket():
            pass
        stream = followed.live.call(
            "GET", f"/orders/{followed.order_id}/stream", None, followed.token
        )
        assert (stream.status_code, stream.json()["code"]) == (429, "too_many_sockets")
        with followed.socket(token=followed.clerk) as client:
            read(client)
        clients[0].close()

        def again() -> bool:
            try:
                with followed.socket() as one:
                    read(one)
                return True
            except Exception:
                return False

        wait_until(again)
    with followed.shop.app_context():
        key = presence._key(followed.reader)
        wait_until(lambda: redis_handle.client.zcard(key) == 0)


def raw(live: LiveShop, text: str) -> tuple[int, dict[str, Any], bytes]:
    """Send bytes; return status, problem (or {}) and all that came."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as line:
        line.sendall(text.replace("\n", "\r\n").encode())
        got = b""
        while b"\r\n\r\n" not in got:
            piece = line.recv(65536)
            assert piece, got
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        length = [h for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")]
        while length and len(body) < int(length[0].split(b":")[1]):
            body += line.recv(65536)
        status = int(head.split()[1])
        return status, json.loads(body) if status >= 400 else {}, got


def test_handshakes_that_are_none(alone: Followed) -> None:
    key = base64.b64encode(b"x" * 16).decode()
    good = {
        "Host": "x",
        "Upgrade": "websocket",
        "Connection": "keep-alive, Upgrade",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
        "Authorization": f"Bearer {alone.token}",
    }

    def shake(**changes: str) -> tuple[int, str]:
        headers = {**good, **{name.replace("_", "-"): value for name, value in changes.items()}}
        lines = "".join(f"{name}: {value}\n" for name, value in headers.items() if value)
        status, body, _ = raw(alone.live, f"GET {alone.path} HTTP/1.1\n{lines}\n")
        return status, body.get("code", "")

    assert shake() == (101, "")
    assert shake(Sec_WebSocket_Key="") == (422, "validation_failed")
    assert shake(Sec_WebSocket_Key="short") == (422, "validation_failed")
    assert shake(Sec_WebSocket_Key="!" * 24) == (422, "validation_failed")
    assert shake(Sec_WebSocket_Version="8") == (426, "upgrade_required")
    assert shake(Content_Length="5") == (422, "validation_failed")
    assert shake(Upgrade="") == (426, "upgrade_required")
    assert shake(Upgrade="h2c") == (426, "upgrade_required")
    assert shake(Connection="close") == (426, "upgrade_required")
    # Odd, but not wrong: what the handshake does not need is not looked at.
    assert shake(Sec_WebSocket_Extensions="permessage-deflate; junk=\xff") == (101, "")
    assert shake(Sec_WebSocket_Protocol=",,") == (101, "")
    assert shake(X_Odd="\x80\xff") == (101, "")
    status, body, answer = raw(alone.live, f"GET {alone.path} HTTP/1.1\nHost: x\n\n")
    assert (status, body["code"]) == (426, "upgrade_required")
    assert b"\r\nUpgrade: websocket\r\n" in answer
    status, body, _ = raw(alone.live, f"POST {alone.path} HTTP/1.1\nHost: x\n\n")
    assert (status, body["code"]) == (405, "method_not_allowed")


def test_without_a_server_that_lets_go_of_sockets(shop: Flask) -> None:
    reader, _ = reader_and_clerk(shop)
    handshake = {
        **reader.headers,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(b"x" * 16).decode(),
        "Sec-WebSocket-Version": "13",
    }
    answer = reader.http.get("/ws/notifications", headers=handshake)
    problem(answer, 501, "sockets_unsupported")
    problem(reader.http.get("/ws/notifications"), 426, "upgrade_required")


def test_without_redis(apps: Apps, shop: Flask, database: str, tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        settings = apps.settings(database, web_workers=1, web_threads=4, bookstore_home=tmp_path)
        with LiveShop(settings) as live, ExitStack() as stack:
            followed = follow(shop, live)
            first = stack.enter_context(followed.socket())
            read(first)
            server.stop()
            answer = live.call("POST", "/ws/tickets", token=followed.token)
            assert (answer.status_code, answer.json()["code"]) == (503, "live_unavailable")
            assert answer.headers["Retry-After"]
            with refused(503, "live_unavailable"), ws(live, f"{followed.path}?ticket=x"):
                pass
            # Without Redis a process counts its own.
            for _ in range(19):
                read(stack.enter_context(followed.socket()))
            with refused(429, "too_many_sockets"), followed.socket():
                pass
