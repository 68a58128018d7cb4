"""Raw bytes on the socket of a real server: a request line, headers and bodies that are none.

A proxy in front and the shop must see the same requests in the same bytes. Where two readers could
differ (RFC 9112 6.3, 11.2) the shop refuses, and ends the connection.
"""

import socket
from contextlib import closing

import pytest
import requests
from hypothesis import given, settings, strategies as st

from tests.clients import LiveShop

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n"


def talk(live: LiveShop, raw: bytes) -> bytes:
    """Send bytes, say that there are no more, and return all that comes back."""
    with closing(socket.create_connection(("127.0.0.1", live.port), timeout=30)) as connection:
        got = b""
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                got += piece
        except ConnectionError:
            pass  # cut off in the middle of what it did not want to read
        return got


def post(*headers: str, body: bytes = b"") -> bytes:
    lines = ["POST /api/v2/auth/token HTTP/1.1", "Host: shop", "Content-Type: application/json"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


AMBIGUOUS = {
    "both lengths": post("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "two lengths": post("Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"),
    "a list of lengths": post(f"Content-Length: 0, {len(SMUGGLED)}"),
    "a length with a sign": post("Content-Length: +0"),
    "a length in hexadecimal": post("Content-Length: 0x0"),
    "a negative length": post("Content-Length: -1"),
    "chunked twice": post("Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "chunked, then not": post("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "chunked with a tail": post("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "a blank before the colon": post("Content-Length : 0"),
    "a folded header": post("X-Some: a", " Content-Length: 0"),
    "a name that is none": post("X@Some(: a"),
    "a bare CR in a header": post("X-Some: a\rContent-Length: 0"),
    "NUL in a header": post("X-Some: a\0b"),
}


@pytest.fixture
def ambiguous(live: LiveShop) -> dict[str, bytes]:
    return {name: talk(live, raw + SMUGGLED) for name, raw in AMBIGUOUS.items()}


def test_no_request_hides_in_the_body_of_another(ambiguous: dict[str, bytes]) -> None:
    served = {name: got for name, got in ambiguous.items() if b"HTTP/1.1 200" in got}
    assert served == {}
    refused = {
        name for name, got in ambiguous.items() if got[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 501"}
    }
    assert refused == set(AMBIGUOUS)


def test_whatever_bytes_come_the_shop_stands(live: LiveShop) -> None:
    chunk = st.sampled_from(
        [b"5\r\n", b"FFFFFFFFFFFFFFFFF\r\n", b"-1\r\n", b"0\r\n\r\n", b"5;x=y\r\n", b"\r\n"]
    )
    chunked = st.lists(st.one_of(chunk, st.binary(max_size=12))).map(
        lambda parts: post("Transfer-Encoding: chunked", body=b"".join(parts))
    )
    line = st.tuples(
        st.sampled_from([b"GET", b"get", b"PRI", b"G\0T", b"", b"CONNECT"]),
        st.sampled_from([b"/", b"*", b"//x", b"http://x/", b"/\xff", b"/%", b"/../", b"x:80", b""]),
        st.sampled_from([b"HTTP/1.1", b"HTTP/2.0", b"HTTP/1.", b"http/1.1", b"", b"HTTP/1.1 x"]),
    ).map(lambda parts: b" ".join(parts) + b"\r\nHost: shop\r\n\r\n")

    @settings(max_examples=settings().max_examples // 2)
    @given(st.one_of(st.binary(), chunked, line))
    def check(raw: bytes) -> None:
        got = talk(live, raw)
        assert not got.startswith(b"HTTP/1.1 500"), (raw, got)
        # 501 and 505: a method or a version that there is not (RFC 9110 15.6.2, 15.6.6).
        if got.startswith(b"HTTP/1.1 5"):
            assert got[9:12] in {b"501", b"505"}, (raw, got)

    check()
    assert requests.get(f"{live.url}/healthz", timeout=60).ok
