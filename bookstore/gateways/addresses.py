"""Where webhooks may go: the shop's guard against server-side request forgery.

Whoever registers an endpoint chooses where we send requests from inside our network, so only
public addresses are allowed: a list of our own, since ``ipaddress.is_global`` calls several
public that lead inside (64:ff9b::7f00:1, ::127.0.0.1, fec0::1, multicast). A name is looked up
and refused if *any* of its addresses is not public, and the connection then goes to an address
that was looked at: a second answer of its DNS server changes nothing.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, TimeoutError as FutureTimeout
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from bookstore import errors

Address = IPv4Address | IPv6Address
# From a host name to its addresses, as text.
Lookup = Callable[[str], Sequence[str]]

LONGEST_URL = 2000
LOOKUP_SECONDS = 3.0

_NOT_PUBLIC_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' NAT; metadata of some clouds
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform, from inside it
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; metadata of Oracle's cloud
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Of IPv6 only 2000::/3 is given out: loopback, fc00::/7, fe80::/10, fec0::/10, multicast,
# ::a.b.c.d and 64:ff9b:1::/48 (a network's own NAT64) all lie outside.
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside, reached by whatever relay
        "3fff::/20",  # documentation
    )
)
# These carry an IPv4 address in their last 32 bits and are as good as that one.
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
# ISATAP marks the second half of an address of any network, and puts an IPv4 address behind it.
_ISATAP = (0x00005EFE, 0x02005EFE)

_URL = re.compile(r"[!-\[\]-~]+")  # printable ASCII without space and backslash
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_BRACKETS = re.compile(r"\[[0-9A-Fa-f:.]+\](:[0-9]*)?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL, in the parts that a client needs. ``host`` has no brackets."""

    scheme: str
    host: str
    port: int
    # As the request line and the Host header have them.
    path: str
    authority: str


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the open internet, whatever it has embedded."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_4)
    if address.scope_id is not None:
        return False
    inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _MAPPED or address in _NAT64:
        return is_public(inner)
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP and not is_public(inner):
        return False
    return address in _PUBLIC_6 and not any(address in block for block in _NOT_PUBLIC_6)


def parse_url(url: str) -> Target:
    """Return the parts of a URL whose form is allowed; where it leads is not looked at.

    Raises:
        UrlNotAllowed: not http(s), or a user name, an odd spelling of an address, … in it.
    """
    if len(url) > LONGEST_URL:
        raise errors.UrlNotAllowed(f"The URL is longer than {LONGEST_URL} characters.")
    # Before anything is parsed: parsers drop or turn such characters, each in its own way.
    if not _URL.fullmatch(url):
        raise errors.UrlNotAllowed(
            "Only printable ASCII without spaces and backslashes may stand in the URL; write "
            "names in other scripts as xn--…, and the rest percent-encoded."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise errors.UrlNotAllowed("This is not a URL.") from None
    if parts.scheme not in {"http", "https"}:
        raise errors.UrlNotAllowed("The URL must start with http:// or https://.")
    if "@" in parts.netloc:
        raise errors.UrlNotAllowed("No user name or password may stand in the URL.")
    if port == 0:
        raise errors.UrlNotAllowed("Port 0 is none.")
    host = _host(parts)
    return _target(parts, host, port)


def check_url(url: str, *, allow_private: bool, lookup: Lookup | None = None) -> Target:
    """Check the form of a URL and, unless private networks are allowed, where it leads now.

    For registration. A name that is not known yet may become so: it is allowed here, and every
    attempt to send looks again.

    Raises:
        UrlNotAllowed: the detail says why.
    """
    target = parse_url(url)
    if not allow_private:
        with contextlib.suppress(LookupFailed):
            addresses_of(target.host, allow_private=False, lookup=lookup)
    return target


class LookupFailed(OSError):
    """The name of a host has no address, or nobody told us in time."""


def addresses_of(host: str, *, allow_private: bool, lookup: Lookup | None = None) -> list[Address]:
    """Return the addresses of a host, in the order in which to try them.

    Raises:
        UrlNotAllowed: one of them is not public, and private ones are not allowed.
        LookupFailed: there is none.
    """
    try:
        found = [ip_address(host)]
    except ValueError:
        texts = (lookup or system_lookup)(host)
        # A link-local address comes with its interface, fe80::1%eth0.
        found = list(dict.fromkeys(ip_address(text) for text in texts))
    if not found:
        raise LookupFailed(f"{host} has no address")
    if not allow_private:
        for address in found:
            if not is_public(address):
                raise errors.UrlNotAllowed(f"{host} leads to {address}, which is not public.")
    return found


class Resolver:
    """Looks names up in threads of their own, since the system's resolver knows no time limit.

    Who asks for a name that is being looked up waits for that answer: a name server that does
    not answer holds one thread, however many messages are on their way to it.
    """

    def __init__(self, seconds: float = LOOKUP_SECONDS) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._running: dict[str, Future[list[str]]] = {}

    def __call__(self, host: str) -> list[str]:
        """Return the addresses of a name; LookupFailed if there are none, or not in time."""
        with self._lock:
            answer = self._running.get(host)
            if answer is None:
                answer = Future()
                threading.Thread(
                    target=self._look, args=(host, answer), name="lookup", daemon=True
                ).start()
                # Only now, under the lock that the thread needs to take it out again: had it
                # not started, nobody would.
                self._running[host] = answer
        try:
            return answer.result(self.seconds)
        except FutureTimeout:
            raise LookupFailed(f"{host} was not found within {self.seconds:g} seconds") from None

    def _look(self, host: str, answer: Future[list[str]]) -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            answer.set_exception(LookupFailed(f"{host} was not found"))
        else:
            answer.set_result([str(entry[4][0]) for entry in found])
        finally:
            with self._lock:
                del self._running[host]


system_lookup = Resolver()


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if parts.netloc.startswith("["):
        try:
            # Without an interface (%eth0), and with nothing between bracket and port.
            if _BRACKETS.fullmatch(parts.netloc):
                return str(IPv6Address(host))
        except ValueError:
            pass
        raise errors.UrlNotAllowed("This is not an IPv6 address.")
    labels = host.split(".")
    # 2130706433, 0x7f.1 and 127.1 are addresses to some resolvers: whatever ends in a number
    # is to be the plain form (as the URL Standard has it, https://url.spec.whatwg.org).
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise errors.UrlNotAllowed(
                "Write an IPv4 address as four decimal numbers without leading zeros."
            ) from None
    if len(host) > 253 or not all(_NAME.fullmatch(label) for label in labels):
        raise errors.UrlNotAllowed("This is not the name of a host.")
    return host


def _target(parts: SplitResult, host: str, port: int | None) -> Target:
    usual = 443 if parts.scheme == "https" else 80
    authority = f"[{host}]" if ":" in host else host
    if port not in {None, usual}:
        authority += f":{port}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or usual, path, authority)
