"""Fetching files from strangers: the rules of webhooks, and no more than was asked for."""

import io
from collections.abc import Iterator
from typing import Any

import pytest

from bookstore.gateways import downloads
from bookstore.gateways.downloads import DownloadFailed
from tests.fakes import receiver as modes
from tests.fakes.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def fetch(url: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    given = {"most": 100, "seconds": 5.0, "allow_private": True, **options}
    downloads.fetch(url, stream, **given)
    return stream.getvalue()


def why(url: str, **options: Any) -> str:
    with pytest.raises(DownloadFailed) as failed:
        fetch(url, **options)
    return str(failed.value)


def test_a_file_is_fetched_as_it_is(receiver: Receiver) -> None:
    receiver.mode = modes.status(200, b"id,price\n")
    assert fetch(f"{receiver.url}/prices.csv?day=1") == b"id,price\n"
    [got] = receiver.received
    assert (got.path, got.headers["accept-encoding"]) == ("/prices.csv?day=1", "identity")
    receiver.mode = modes.raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nid\r\n1\r\n,\r\n0\r\n\r\n"
    )
    assert fetch(receiver.url) == b"id,"


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (modes.status(404), "the answer is 404"),
        (modes.status(302, Location="http://169.254.169.254/"), "redirects are not followed"),
        (modes.status(200, b"x" * 101), "the file has more than 100 bytes"),
        (modes.huge, "the file has more than 100 bytes"),
        (modes.status(200, Content_Encoding="gzip"), "the answer is compressed"),
        (modes.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nid,price"), "in the middle"),
        (modes.raw(b"nonsense\r\n\r\n"), "not an HTTP answer: BadStatusLine"),
    ],
)
def test_what_is_no_file(receiver: Receiver, mode: modes.Mode, reason: str) -> None:
    receiver.mode = mode
    assert reason in why(receiver.url)


def test_one_deadline_covers_all_of_it(receiver: Receiver) -> None:
    receiver.mode = modes.drip
    assert why(receiver.url, seconds=0.3) == "no complete answer within 0.3 seconds"


def test_no_private_address_is_asked_whatever_its_name(receiver: Receiver) -> None:
    assert "not public" in why(receiver.url, allow_private=False)
    port = receiver.url.rpartition(":")[2]
    named = f"http://prices.example:{port}/"
    inside = {"allow_private": False, "lookup": lambda _: ["9.9.9.9", "127.0.0.1"]}
    assert "leads to 127.0.0.1" in why(named, **inside)
    assert "http://" in why("ftp://prices.example/")
    assert receiver.received == []
