"""``flask demo`` in each API: real processes, an empty folder, SQLite and PostgreSQL."""

import base64
import hashlib
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookstore.cli.demo.outside import Socket
from tests.cli.test_serve import FLASK, ROOT, environ, serving
from tests.clients import _free_port
from tests.servers import Postgres

# What each has to do by v2, since it has no call for it.
_NEITHER = {
    "POST /api/v2/auth/register",
    "POST /api/v2/me/devices",
    "POST /api/v2/webhooks/endpoints",
    "POST /api/v2/cart/quote",
    "POST /api/v2/payments/test/confirm",
    "POST /api/v2/orders/N/refunds",
    "GET /api/v2/me/notifications",
    "GET /api/v2/orders/N/events",
    "GET /api/v2/orders/N/invoice",
}
BORROWED = {
    "v2": set(),
    "v1": _NEITHER | {"POST /api/v2/cart/items", "POST /api/v2/orders/N/status"},
    "graphql": _NEITHER | {"POST /api/v2/auth/token"},
}
OWN = {"v2": "/api/v2/", "v1": ("/api/v1/", "/api/token/"), "graphql": "/graphql/"}
STEPS = [f"{number}." for number in range(1, 13)]


class Shop:
    """A shop that runs, and what walks through it with the same settings."""

    def __init__(self, home: Path, port: int, called: str, more: dict[str, str]) -> None:
        self.home, self.port, self.called, self.more = home, port, called, more

    def demo(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*FLASK, "demo", "--url", self.called, *options],
            cwd=ROOT,
            env=environ(self.home, self.port, **self.more),
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    home, port = tmp_path_factory.mktemp("demo") / "home", _free_port()
    called, more = f"http://127.0.0.1:{port}", {}
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        name = f"demo_{port}"
        server.create_database(name)
        # As behind a gateway: customers know the shop by another address than the demo calls.
        called = f"http://localhost:{port}"
        more = {"DATABASE_URL": server.url(name), "PUBLIC_URL": "https://shop.example"}
    with serving(home, port, **more):
        yield Shop(home, port, called, more)


def calls(printed: str) -> list[tuple[str, bool]]:
    """Return each call, its ids as N, and whether it is said to be v2's for want of another."""
    found = re.findall(r"^→ (\w+ /[^ ?\n]*)[^ \n]*(.*)$", printed, re.M)
    return [(re.sub(r"/\d+(?=/|$)", "/N", call), "has no call for" in rest) for call, rest in found]


@pytest.mark.parametrize("api", BORROWED)
def test_the_whole_journey(running: Shop, api: str) -> None:
    done = running.demo("--api", api)
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout
    check_print(printed)
    assert re.findall(r"^(\d+\.) ", printed, re.M) == STEPS
    made = calls(printed)
    assert {call for call, borrowed in made if borrowed} == BORROWED[api]
    mine = [call.partition(" ")[2] for call, borrowed in made if not borrowed]
    pages = [path for path in mine if path.startswith("/payments/test/3ds/")]
    assert len(pages) == 2
    assert all(path.startswith(OWN[api]) for path in mine if path not in pages)
    assert len(mine) > 15
    for told in (
        '"decline_code": "generic_decline"',
        '"status": "requires_action"',
        "⇐ webhook order.shipped: both signatures verified",
        "⇐ live order_update: version 5, status shipped, payment_status paid",
        "is on its way",
        "⇐ mail ",
        "⇐ push ",
        "(shipped)",
        "Nothing found: 72 books",
    ):
        assert told in printed, told
    if api == "v1":
        assert '{"error": "Cart is empty"}' in printed
        assert "Idempotency-Replayed" not in printed
        assert "Deprecation: @" in printed
    else:
        assert printed.count("Idempotency-Replayed: true") == 1


def check_print(printed: str) -> None:
    """Assert that no secret is shown but the account's password, and no answer goes on and on."""
    shown = re.sub(r"^as .+ with the password .+$", "", printed, flags=re.M)
    for secret in (r"_secret_\w{16}", r"whsec_", r"eyJ", r"\"password\": \"[^…]"):
        assert not re.search(secret, shown), secret
    answers = [line for line in shown.splitlines() if line.startswith("    ")]
    assert max(map(len, answers)) <= 100
    assert len(shown.splitlines()) < 700


@pytest.mark.parametrize("running", ["sqlite"], indirect=True)
def test_what_does_not_exist_is_said(running: Shop) -> None:
    done = running.demo("--query", "zzzzqqqq")
    assert done.returncode == 1
    assert "nothing in stock was found for 'zzzzqqqq'; try --query" in done.stderr
    wrong = running.demo("--api", "v3")
    assert wrong.returncode == 2
    assert "'v1', 'v2', 'graphql'" in wrong.stderr


def test_a_state_that_comes_with_the_handshake_is_not_left_lying() -> None:
    state = b'{"type": "order_snapshot"}'

    def shake(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            request = connection.recv(4096).decode()
            key = re.search(r"(?i)sec-websocket-key: (\S+)", request)
            assert key
            answer = key[1] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(answer.encode()).digest()).decode()
            head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            head += f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            # One segment, and nothing after it.
            connection.sendall(head.encode() + bytes([0x81, len(state)]) + state)
            connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=shake, args=[server], daemon=True).start()
        live = Socket(f"http://127.0.0.1:{server.getsockname()[1]}/", {})
        live.wait_for(lambda message: message["type"] == "order_snapshot")
        live.close()
