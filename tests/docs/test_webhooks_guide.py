"""docs/webhooks.md: its receivers are run, and get what the shop really signs and sends."""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import select

from bookstore import create_app, jobs
from bookstore.extensions import db, redis_handle
from bookstore.gateways import webhook_http
from bookstore.models import Event
from bookstore.services import event_types, webhook_health, webhook_schedule, webhook_signing
from tests.clients import Client, ok, wait_until
from tests.conftest import Apps
from tests.docs.programs import NODE
from tests.factories import log_in, make_user

GUIDE = Path(__file__).parents[2] / "docs" / "webhooks.md"
BODY = b'{"id":"evt_1","type":"ping","sequence":1,"data":{"endpoint_id":7,"\xc3\xa9":"\\u2028"}}'
COMMANDS = {"python": [sys.executable, "receiver.py"], "javascript": [str(NODE), "receiver.mjs"]}


def block(language: str, having: str) -> str:
    """Return the guide's one code block in a language that has this text in it."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)
    [code] = [code for code in found if having in code]
    return str(code)


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed here")


class Receiver:
    """A receiver of the guide, as a process in a folder of its own."""

    def __init__(self, language: str, folder: Path) -> None:
        code = block(language, "verify")
        self.folder, self.secret = folder, webhook_signing.new_secret()
        command = COMMANDS[language]
        need(command[0])
        (folder / command[1]).write_text(code)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.keep(self.secret)
        self.log = (folder / "log.txt").open("w+")
        self.start(command)

    def keep(self, secret: str) -> None:
        """Put a secret where the receiver reads it when it starts."""
        (self.folder / "secret.txt").write_text(f"{secret}\n")

    def start(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            [*command, str(self.port)], cwd=self.folder, stdout=self.log, stderr=self.log
        )
        wait_until(self.is_up)

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.said()
        try:
            return requests.get(self.url, timeout=5).status_code > 0
        except requests.ConnectionError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def said(self) -> str:
        return (self.folder / "log.txt").read_text()

    def post(self, headers: dict[str, str], body: bytes = BODY) -> int:
        return requests.post(self.url, data=body, headers=headers, timeout=10).status_code

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()


@pytest.fixture
def receiver(language: str, tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(language, tmp_path)
    yield made
    made.stop()


def signed(*secrets: str, seconds_ago: int = 0, body: bytes = BODY) -> dict[str, str]:
    """Return the headers of a delivery signed with these, the newest first."""
    return webhook_signing.headers(secrets, "evt_1", int(time.time()) - seconds_ago, "ping", body)


@pytest.mark.parametrize("language", COMMANDS)
def test_receivers_take_what_is_signed_and_nothing_else(receiver: Receiver) -> None:
    mine, other = receiver.secret, webhook_signing.new_secret()
    assert receiver.post(signed(mine)) == 204
    # While a secret is being replaced, by whichever of the two.
    assert receiver.post(signed(other, mine)) == 204
    assert receiver.post(signed(mine, other)) == 204
    assert receiver.post(signed(mine, seconds_ago=290)) == 204
    good = signed(mine)
    refused: list[tuple[dict[str, str], bytes]] = [
        (signed(other), BODY),
        (good, BODY + b" "),
        (good, b""),
        (signed(mine, seconds_ago=310), BODY),
        (signed(mine, seconds_ago=-310), BODY),
        ({**good, "webhook-id": "evt_2"}, BODY),
        ({**good, "webhook-timestamp": "now"}, BODY),
        ({**good, "webhook-signature": ""}, BODY),
        ({**good, "webhook-signature": "v1,"}, BODY),
        ({}, BODY),
    ]
    for headers, body in refused:
        assert receiver.post(headers, body) == 400, headers
    assert receiver.said().count("ping 1") == 4
    assert receiver.process.poll() is None


@pytest.mark.parametrize("rotating", [False, True])
def test_openssl_tells_what_is_signed(tmp_path: Path, rotating: bool) -> None:
    for program in ("openssl", "bash"):
        need(program)
    mine, other = webhook_signing.new_secret(), webhook_signing.new_secret()
    headers = signed(other, mine) if rotating else signed(mine)
    (tmp_path / "secret.txt").write_text(f"{mine}\n")
    given = {
        "id": headers["webhook-id"],
        "timestamp": headers["webhook-timestamp"],
        "received": headers["webhook-signature"],
    }
    code = block("bash", "case ")
    for name, value in given.items():
        code, times = re.subn(rf"(?m)^{name}=.*$", f"{name}='{value}'", code)
        assert times == 1

    def says(body: bytes) -> str:
        (tmp_path / "body.json").write_bytes(body)
        command = ["bash", "-euo", "pipefail", "-c", code]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    assert says(BODY).startswith("signed by the shop, ")
    assert says(BODY + b" ") == "not signed by the shop\n"


def test_openssl_signs_as_the_shop_does(tmp_path: Path) -> None:
    for program in ("openssl", "curl", "bash"):
        need(program)
    receiver = Receiver("python", tmp_path)
    try:
        (tmp_path / "body.json").write_bytes(BODY)
        code = block("bash", "curl -s -o").replace(":9000/", f":{receiver.port}/")
        code += 'printf "%s\\n" "$timestamp" "$signature" "$simple"\n'
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", code],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    finally:
        receiver.stop()
    status, timestamp, signature, simple = done.stdout.split("\n")[:4]
    message_id = re.findall(r"^id=(\S+)", code, re.M)[0]
    expected = webhook_signing.headers([receiver.secret], message_id, int(timestamp), "ping", BODY)
    assert signature == expected["webhook-signature"]
    assert simple == expected["X-Webhook-Signature"]
    assert status == "204"


@pytest.fixture
def open_shop(apps: Apps, shop: Flask, database: str) -> Iterator[Flask]:
    """The shop, let into private networks."""
    app = create_app(apps.settings(database, webhook_allow_private_networks=True))
    yield app
    with app.app_context():
        db.engine.dispose()
        redis_handle.client.close()


@pytest.mark.parametrize("language", COMMANDS)
def test_the_quick_start(open_shop: Flask, language: str, tmp_path: Path) -> None:
    with open_shop.app_context():
        clerk: Client = log_in(open_shop, make_user(is_staff=True))
    receiver = Receiver(language, tmp_path)
    try:
        body = {"url": receiver.url, "events": ["order.*", "book.low_stock"]}
        made = ok(clerk.post("/webhooks/endpoints", body), 201)
        receiver.process.kill()
        receiver.process.wait()
        receiver.keep(made["secret"])
        receiver.start(COMMANDS[language])
        ping = ok(clerk.post(f"/webhooks/endpoints/{made['id']}/test"), 201)
        with open_shop.app_context():
            jobs.drain()
            assert db.session.scalars(select(Event.public_id)).one() == ping["event"]["id"]
        found = ok(clerk.get(f"/webhooks/deliveries/{ping['id']}"))
        assert (found["status"], found["attempt_count"]) == ("succeeded", 1), found
        assert found["attempts"][0]["status_code"] == 204
        wait_until(lambda: "ping 1" in receiver.said())
        assert re.search(rf"endpoint_id['\"]: ?{made['id']}\D", receiver.said())
    finally:
        receiver.stop()


def test_the_guide_names_what_there_is() -> None:
    text = GUIDE.read_text()
    routes = set(re.findall(r"`(?:GET|POST|PATCH|DELETE) (/[\w/{}-]+)", text))
    assert routes == {
        "/webhooks/event-types",
        "/webhooks/endpoints/{id}/rotate-secret",
        "/webhooks/endpoints/{id}/deliveries",
        "/webhooks/deliveries/{id}",
        "/webhooks/deliveries/{id}/redeliver",
        "/webhooks/endpoints/{id}/replay",
        "/events",
    }
    sent = webhook_signing.headers(["whsec_AAAA"], "evt_1", 1, "ping", b"{}")
    for name in sent:
        assert f"| `{name}` |" in text
    for pattern in re.findall(r'"events": \[(.*?)\]', text):
        assert set(re.findall(r'"(.+?)"', pattern)) <= set(event_types.patterns())


def test_the_waits_are_the_real_ones() -> None:
    text = GUIDE.read_text()
    row = next(line for line in text.splitlines() if line.startswith("| wait |"))
    units: dict[str, Callable[[int], Any]] = {
        "s": lambda n: n, "min": lambda n: n * 60, "h": lambda n: n * 3600,
    }  # fmt: skip
    cells = [cell.split() for cell in row.strip("|").split("|")[2:]]
    told = [units[unit](int(number)) for number, unit in cells]
    assert told == [delay.total_seconds() for delay in webhook_schedule.DELAYS]
    assert f"±{webhook_schedule.JITTER:.0%}".replace("%", " %") in text
    assert (webhook_health.OPENS_AT, webhook_health.DISABLE_AFTER.days) == (10, 5)
    assert webhook_http.KEPT == 1024
