"""Where webhooks may go: spellings, embedded addresses, names that change their mind."""

import socket
import threading
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, strategies as st

from bookstore import errors
from bookstore.gateways.addresses import LookupFailed, Resolver, Target, check_url, is_public

PUBLIC = ("8.8.8.8", "1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.32.0.1")
PUBLIC += ("2606:4700::1111", "2a00:1450:4001:81b::200e", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8")

NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254
    168.63.129.16 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
    192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:169.254.169.254
    ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b:1::7f00:1 64:ff9b:1::8.8.8.8 100::1
    2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1 2001:20::1 2001:db8::1
    2002:7f00:1:: 2002:a00:1::1 2002:808:808::1 2606:4700::5efe:7f00:1 2606:4700::200:5efe:a00:1
    3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1
    ff0e::1
"""


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
def test_other_addresses(text: str) -> None:
    assert not is_public(ip_address(text))


@given(
    st.sampled_from([text for text in NOT_PUBLIC.split() if ":" not in text]).map(IPv4Address),
    st.integers(0, 2**64 - 1),
)
def test_whatever_embeds_a_bad_address_is_bad(inner: IPv4Address, rest: int) -> None:
    low, high = int(inner), rest & 0xFFFFFFFF
    forms = [
        low,  # ::a.b.c.d
        0xFFFF << 32 | low,  # mapped
        0xFFFF << 48 | low,  # translated (SIIT)
        int(IPv6Address("64:ff9b::")) | low,
        int(IPv6Address("64:ff9b:1::")) | rest << 32 & (2**80 - 1) | low,
        0x2002 << 112 | low << 80 | rest,
        0x2001 << 112 | low << 64 | rest,  # Teredo: server's address
        0x2001 << 112 | high << 64 | (low ^ 0xFFFFFFFF),  # Teredo: client's address
        0x26064700 << 96 | high << 64 | 0x00005EFE << 32 | low,  # ISATAP
        0x26064700 << 96 | high << 64 | 0x02005EFE << 32 | low,
    ]
    for number in forms:
        assert not is_public(IPv6Address(number)), IPv6Address(number)


@given(st.ip_addresses())
def test_what_python_calls_private_is_not_public(address: IPv4Address | IPv6Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


def nobody(host: str) -> list[str]:
    raise LookupFailed(host)


# Not allowed anywhere, whatever they lead to.
ODD = """
    http://2130706433/ http://0x7f000001/ http://0x7f.1/ http://127.1/ http://127.0.1/
    http://0177.0.0.1/ http://017700000001/ http://127.0.0.01/ http://127.0.0.1.1/ http://256.1.1.1/
    http://1.2.3.0x/ http://[fe80::1%25eth0]/ http://[fe80::1%eth0]/ http://[::1/ http://[1.2.3.4]/
    http://[v1.a]/ http://[]/ http://[::1]x/ http://１２７.0.0.1/ http://127。0。0。1/
    http://ⓛocalhost/ http://exämple.com/ http://example.com/ä http://user@example.com/
    http://user:word@example.com/ http://@example.com/ http://example.com@127.0.0.1/
    http://127.0.0.1\\@example.com/ http:\\\\127.0.0.1/ http:///etc/passwd http://%31%32%37.0.0.1/
    http://exa%6dple.com/ http://example.com:0/ http://example.com:65536/ http://example.com:x/
    http://example.com:-1/ http://.example.com/ http://example..com/ http://example.com../
    http://-a.com/ http:// http:/example.com example.com //example.com/ ftp://example.com/
    file:///etc/passwd gopher://127.0.0.1:6379/_x javascript:alert(1) unix:/run/redis.sock
"""
FORMS = [*ODD.split(), "", "http://exam\tple.com/", "http://example.com/\r\nHost: x"]
FORMS += [" http://example.com/", "http://example.com/ ", "http://exam ple.com/"]
FORMS += ["http://example.com/\x00", f"http://example.com/{'a' * 2000}", f"http://{'a' * 64}.com/"]
FORMS += [f"http://{'a.' * 127}com/"]
INSIDE = """
    http://127.0.0.1/ http://127.0.0.1./ http://127.0.0.1:8080/ http://[::1]/ http://[::ffff:7f00:1]/
    http://[::ffff:127.0.0.1]/ http://[64:ff9b::7f00:1]:80/ http://127.0.0.1#@example.com/
"""


@pytest.mark.parametrize("allow_private", [True, False])
@pytest.mark.parametrize("url", FORMS)
def test_forms_that_are_refused_everywhere(url: str, allow_private: bool) -> None:
    with pytest.raises(errors.UrlNotAllowed) as caught:
        check_url(url, allow_private=allow_private, lookup=nobody)
    assert caught.value.extra["errors"]["url"] == [caught.value.detail]


@pytest.mark.parametrize("url", INSIDE.split())
def test_addresses_inside(url: str) -> None:
    with pytest.raises(errors.UrlNotAllowed, match="not public"):
        check_url(url, allow_private=False, lookup=nobody)
    check_url(url, allow_private=True, lookup=nobody)


ALLOWED = """
    https://example.com                  https  example.com         443   /       example.com
    HTTPS://Example.COM./a               https  example.com         443   /a      example.com
    http://example.com:8080/?a=b#c       http   example.com         8080  /?a=b   example.com:8080
    http://xn--exmple-cua.com:80/        http   xn--exmple-cua.com  80    /       xn--exmple-cua.com
    https://8.8.8.8?x                    https  8.8.8.8             443   /?x     8.8.8.8
    http://[2a00:0::1111]:81/%2f         http   2a00::1111          81    /%2f    [2a00::1111]:81
    https://1e100.net:443/               https  1e100.net           443   /       1e100.net
"""


@pytest.mark.parametrize("line", ALLOWED.strip().splitlines())
def test_allowed_urls(line: str) -> None:
    url, scheme, host, port, path, authority = line.split()
    found = check_url(url, allow_private=False, lookup=nobody)
    assert found == Target(scheme, host, int(port), path, authority)


def test_one_bad_address_of_several_is_enough() -> None:
    with pytest.raises(errors.UrlNotAllowed, match=r"10\.0\.0\.1"):
        check_url(
            "https://a.example/", allow_private=False, lookup=lambda _: ["8.8.8.8", "10.0.0.1"]
        )


def test_localhost_is_looked_up_for_real() -> None:
    with pytest.raises(errors.UrlNotAllowed, match="not public"):
        check_url("http://localhost:6379/", allow_private=False)
    assert check_url("http://localhost:6379/", allow_private=True).host == "localhost"


def test_a_lookup_without_end_is_cut_and_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, asked = threading.Event(), []

    def slow(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        answered.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    resolver = Resolver(seconds=0.01)
    for _ in range(3):
        with pytest.raises(LookupFailed, match="within"):
            resolver("slow.example")
    assert asked == ["slow.example"]
    patient = Resolver(seconds=30)
    answered.set()
    assert patient("slow.example") == ["8.8.8.8"]
