"""REDIS_URL as what it names: one Redis, those that Sentinels watch, or a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

# What all of RQ's keys begin with: on a cluster, the braces keep them on one node.
QUEUE_TAG = "{rq}"

Node = tuple[str, int]
Kind = Literal["one", "sentinel", "cluster"]

_KINDS: dict[str, tuple[Kind, bool]] = {
    "redis": ("one", False),
    "rediss": ("one", True),
    "unix": ("one", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_PORTS: dict[Kind, int] = {"one": 6379, "sentinel": 26379, "cluster": 6379}
# Of several nodes, what redis-py would read of the address of one.
_OF_TLS = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
_OF_SENTINELS = ("sentinel_username", "sentinel_password")


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """Where Redis is.

    ``url`` is for redis-py when ``kind`` is ``one``, and not to be read otherwise. ``nodes`` are
    the Sentinels, or some nodes of the cluster; ``service`` is what the Sentinels call the master,
    ``db`` its database. ``options`` are for each connection to a Redis, ``sentinel_options`` for
    each to a Sentinel: names and passwords, and TLS.
    """

    kind: Kind
    url: str = field(repr=False)
    nodes: tuple[Node, ...] = ()
    service: str = ""
    db: int = 0
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sentinel_options: Mapping[str, Any] = field(default_factory=dict, repr=False)


def parse(url: str) -> RedisPlace:
    """Return what a URL names.

    Raises:
        ValueError: it names nothing; the message has nothing of the URL's passwords.
    """
    scheme = url.partition("://")[0]
    if "://" not in url or scheme not in _KINDS:
        raise ValueError(f"must start with {', '.join(f'{known}://' for known in _KINDS)}")
    kind, has_tls = _KINDS[scheme]
    if kind == "one":
        try:
            _ = urlsplit(url).port
        except ValueError:
            raise ValueError("names a port or host that is none") from None
        return RedisPlace(kind, url)
    # By hand: of several hosts urlsplit makes nothing, and refuses IPv6 among them.
    address, _, query = url.partition("://")[2].partition("?")
    authority, _, path = address.partition("/")
    told, _, hosts = authority.rpartition("@")
    nodes = tuple(_node(host, _PORTS[kind]) for host in hosts.split(","))
    options, of_sentinels = _options(query, kind, has_tls)
    name, _, password = told.partition(":")
    options |= {"username": unquote(name)} if name else {}
    options |= {"password": unquote(password)} if password else {}
    if kind == "cluster":
        if path.strip("/") not in {"", "0"}:
            raise ValueError("a cluster has one database, 0, and no name: nothing after the hosts")
        return RedisPlace(kind, url, nodes, options=options)
    service, _, db = path.strip("/").partition("/")
    if not service:
        raise ValueError("names no service: redis+sentinel://host:port,host:port/service")
    if not (db or "0").isdecimal():
        raise ValueError("names a database that is no number, after the service")
    return RedisPlace(kind, url, nodes, unquote(service), int(db or 0), options, of_sentinels)


def _node(text: str, port: int) -> Node:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port or port
    except ValueError:
        host = ""
    if not host:
        raise ValueError("names a port or host that is none")
    return host, port


def _options(query: str, kind: Kind, has_tls: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of connections to a Redis, and of those to a Sentinel."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    known = (*_OF_TLS, *(_OF_SENTINELS if kind == "sentinel" else ()))
    for name in given:
        if name not in known:
            raise ValueError(f"has an option that is none of {', '.join(known)}")
    tls: dict[str, Any] = {name: given[name] for name in _OF_TLS if name in given}
    if tls and not has_tls:
        raise ValueError(f"has options of TLS: it must start with rediss+{kind}://")
    if "ssl_check_hostname" in tls:
        tls["ssl_check_hostname"] = tls["ssl_check_hostname"].lower() not in {"false", "no", "0"}
    if has_tls:
        tls["ssl"] = True
    of_sentinels = {n.removeprefix("sentinel_"): given[n] for n in _OF_SENTINELS if n in given}
    return dict(tls), tls | of_sentinels
