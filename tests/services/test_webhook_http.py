"""The HTTP client of webhooks against a real receiver that misbehaves."""

import contextlib
import datetime
import ssl
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bookstore import clock
from bookstore.gateways.webhook_http import Answer, Client, SendFailed
from tests.fakes import receiver as modes
from tests.fakes.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


Clients = Callable[..., Client]


@pytest.fixture
def client() -> Iterator[Clients]:
    with contextlib.ExitStack() as stack:

        def make(**options: Any) -> Client:
            return stack.enter_context(Client(**{"allow_private": True, **options}))

        yield make


def test_a_post_arrives_as_it_was_given(client: Clients, receiver: Receiver) -> None:
    answer = client().post(f"{receiver.url}/a?b=c", {"webhook-id": "evt_1"}, b'{"a": 1}')
    assert answer == Answer(200, None, "thanks")
    [got] = receiver.received
    assert (got.path, got.body) == ("/a?b=c", b'{"a": 1}')
    assert got.headers["webhook-id"] == "evt_1"
    assert got.headers["host"] == receiver.url.removeprefix("http://")
    assert got.headers["content-length"] == "8"


def test_connections_are_kept_for_the_next(client: Clients, receiver: Receiver) -> None:
    sender = client()
    for number in range(3):
        sender.post(f"{receiver.url}/{number}", {}, b"x")
    assert [got.connection for got in receiver.received] == [1, 1, 1]


def test_a_kept_connection_that_was_closed_costs_no_attempt(
    client: Clients, receiver: Receiver
) -> None:
    receiver.mode = modes.close_after(modes.status(200))
    sender = client()
    for number in range(20):
        assert sender.post(f"{receiver.url}/{number}", {}, b"x").status == 200
    assert len(receiver.received) == 20


@pytest.mark.parametrize("code", [201, 204, 301, 308, 400, 410, 429, 500, 503])
def test_every_status_is_an_answer_and_no_redirect_is_followed(
    client: Clients, receiver: Receiver, code: int
) -> None:
    body = b"" if code == 204 else b"why"
    headers = {"Location": f"{receiver.url}/elsewhere", "Retry_After": "7"}
    receiver.modes["/a"] = modes.status(code, body, **headers)
    assert client().post(f"{receiver.url}/a", {}, b"x") == Answer(code, 7.0, body.decode())
    assert [got.path for got in receiver.received] == ["/a"]


def test_proxies_of_the_environment_are_not_used(
    client: Clients, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert client().post(receiver.url, {}, b"x").status == 200


@pytest.mark.parametrize("mode", [modes.hang, modes.drip])
def test_the_deadline_holds_against_silence_and_a_drip_of_bytes(
    client: Clients, receiver: Receiver, mode: modes.Mode
) -> None:
    receiver.mode = mode
    with pytest.raises(SendFailed, match=r"no complete answer within 0\.3 seconds"):
        client(seconds=0.3).post(receiver.url, {}, b"x")


def test_a_long_answer_is_cut(client: Clients, receiver: Receiver) -> None:
    receiver.mode = modes.huge
    assert client().post(receiver.url, {}, b"x") == Answer(200, None, "x" * 1024)


def test_odd_bytes_become_text(client: Clients, receiver: Receiver) -> None:
    receiver.mode = modes.status(200, b"\xff\x00\xe2\x82")
    answer = client().post(receiver.url, {}, b"x")
    assert answer.text == "\ufffd\ufffd\ufffd"


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (modes.reset, "closed without an answer"),
        (modes.raw(b""), "closed without an answer"),
        (modes.raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "not an HTTP answer"),
        (modes.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), "not an HTTP answer"),
        (
            modes.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "not an HTTP answer",
        ),
        (modes.raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"), "not an HTTP answer"),
        (modes.raw(b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" * 20_000), "not an HTTP answer"),
    ],
)
def test_broken_answers(client: Clients, receiver: Receiver, mode: modes.Mode, said: str) -> None:
    receiver.mode = mode
    with pytest.raises(SendFailed, match=said):
        client().post(receiver.url, {}, b"x")


def test_nobody_there(client: Clients) -> None:
    with Receiver() as gone:
        url = gone.url
    with pytest.raises(SendFailed, match="connection refused"):
        client().post(url, {}, b"x")
    with pytest.raises(SendFailed, match=r"name\.invalid was not found"):
        client().post("https://name.invalid/", {}, b"x")


def test_private_addresses_are_refused_at_every_attempt(
    client: Clients, receiver: Receiver
) -> None:
    """A name server that says a public address first, and an inner one when it counts."""
    port = receiver.server.server_port
    answers = iter([["8.8.8.8"], ["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"]])
    asked = []

    def lookup(host: str) -> list[str]:
        asked.append(host)
        return next(answers)

    assert lookup("rebind.example") == ["8.8.8.8"]  # what registration saw
    guarded = client(allow_private=False, lookup=lookup)
    for _ in range(3):
        with pytest.raises(SendFailed, match="which is not public"):
            guarded.post(f"http://rebind.example:{port}/", {}, b"x")
    with pytest.raises(SendFailed, match="which is not public"):
        guarded.post(receiver.url, {}, b"x")
    assert len(asked) == 4
    assert receiver.connections == 0


def test_the_connection_goes_to_the_address_that_was_looked_at(
    client: Clients, receiver: Receiver
) -> None:
    """One lookup an attempt; an idle connection does not outlive a change of the name."""
    port, answers = receiver.server.server_port, [["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]]
    sender = client(lookup=lambda _: answers.pop(0))
    for _ in range(2):
        assert sender.post(f"http://moving.example:{port}/", {}, b"x").status == 200
    assert receiver.connections == 1
    with pytest.raises(SendFailed, match="connection refused"):
        sender.post(f"http://moving.example:{port}/", {}, b"x")
    assert answers == []


def test_the_next_address_is_tried_when_one_refuses(client: Clients, receiver: Receiver) -> None:
    sender = client(lookup=lambda _: ["127.0.0.2", "127.0.0.1"])
    assert sender.post(f"http://two.example:{receiver.server.server_port}/", {}, b"x").status == 200


def test_tls_is_checked_against_the_name_of_the_url(client: Clients, tmp_path: Path) -> None:
    certificate = _certificate(tmp_path, "hooks.example")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with Receiver(server) as receiver:
        port = receiver.server.server_port
        sender = client(lookup=lambda _: ["127.0.0.1"], tls=trusting)
        for _ in range(2):
            assert sender.post(f"https://hooks.example:{port}/", {}, b"x").status == 200
        assert receiver.connections == 1
        with pytest.raises(SendFailed, match=r"TLS: Hostname mismatch.*other\.example"):
            sender.post(f"https://other.example:{port}/", {}, b"x")
        with pytest.raises(SendFailed, match="TLS: self-signed certificate"):
            client(lookup=lambda _: ["127.0.0.1"]).post(f"https://hooks.example:{port}/", {}, b"x")
        with pytest.raises(SendFailed, match="closed without an answer|not an HTTP answer"):
            client().post(f"http://127.0.0.1:{port}/", {}, b"x")


def _certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.9"))]
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
