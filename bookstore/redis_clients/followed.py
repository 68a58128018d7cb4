"""Connections to the one Redis, of several, that is the right one now.

redis-py's pool for Sentinels does it: it asks where the master is before each new connection. What
it asks may as well be the nodes of a cluster. So whoever uses many keys together (RQ), or none
(pub/sub), has an ordinary client of one Redis, also on a cluster.
"""

import random
from collections.abc import Mapping
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, TryAgainError
from redis.retry import Retry
from redis.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

from bookstore.config.redis_url import Node, RedisPlace

# Asked before each new connection: one that is gone must not use up the time of the others.
_FINDING_SECONDS = 0.5


class _Followed(SentinelManagedConnection):
    """A connection that, to try again, asks anew where to; redis-py's goes where it was."""

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send a command, after connecting if need be."""
        if self._sock is None:
            self._connect_retry()  # type: ignore[no-untyped-call]
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]


class _FollowedSSL(_Followed, SentinelManagedSSLConnection):
    """The same, by TLS."""


class _Moving(_Followed):
    """Of a cluster: it ends when the node says that it is the wrong one (MOVED, CLUSTERDOWN)."""

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return an answer; a ConnectionError, after which the node is looked for anew."""
        try:
            return super().read_response(*args, **kwargs)
        except (AskError, ClusterDownError, TryAgainError) as error:
            if isinstance(error, MovedError):
                self.connection_pool.sentinel_manager.moved((error.host, error.port))
            self.disconnect()  # type: ignore[no-untyped-call]
            raise redis.ConnectionError(f"another node has it: {error}") from error


class _MovingSSL(_Moving, SentinelManagedSSLConnection):
    """The same, by TLS."""


class _Sentinels(Sentinel):
    """redis-py's; what it says when there is no master would be a page of each one's options."""

    def discover_master(self, service_name: str) -> Node:
        """Return the master; a ConnectionError when no Sentinel names one."""
        try:
            found: Node = super().discover_master(service_name)  # type: ignore[no-untyped-call]
        except MasterNotFoundError:
            why = f"no Sentinel names a master of {service_name}"
            raise redis.ConnectionError(why) from None
        return found


class _Nodes:
    """Stands where redis-py's pool has its Sentinels, and asks the nodes of a cluster."""

    def __init__(
        self, nodes: tuple[Node, ...], key: str | None, options: Mapping[str, Any]
    ) -> None:
        self._slot = None if key is None else key_slot(key.encode())
        self._named, self._seen = frozenset(nodes), frozenset(nodes)
        self._options = options
        self._told: Node | None = None

    def moved(self, node: Node) -> None:
        """Take the word of a node that another has the key: the others may not know it yet."""
        self._told = node

    def discover_master(self, _service: str) -> Node:
        """Return the node that has the key; one that answers, if there is no key.

        Raises:
            redis.ConnectionError: no node knows.
        """
        told, self._told = self._told, None
        if told is not None:
            return told
        nodes, why = list(self._seen | self._named), "no node answers"
        random.shuffle(nodes)
        for host, port in nodes:
            try:
                with redis.Redis(host, port, **self._options) as client:
                    ranges: Any = client.execute_command("CLUSTER SLOTS")
            except redis.RedisError as error:
                why = str(error)
                continue
            owners = [
                (range(first, last + 1), _address(owner, host), map(_address, replicas, [host] * 9))
                for first, last, owner, *replicas in ranges
            ]
            self._seen = frozenset(node for _, owner, rest in owners for node in (owner, *rest))
            if self._slot is None:
                return host, port
            for slots, owner, _ in owners:
                if self._slot in slots:
                    return owner
        raise redis.ConnectionError(f"the cluster is away: {why}")


def _address(node: list[Any], asked: str) -> Node:
    """Return a node of CLUSTER SLOTS; one that does not know its own name has the one we asked."""
    host = node[0].decode() if isinstance(node[0], bytes) else node[0]
    return host or asked, int(node[1])


def client(place: RedisPlace, key: str | None = None, **options: Any) -> "redis.Redis":
    """Return a client of the master that Sentinels name, or of a node of a cluster.

    Args:
        key: of a cluster, the node that has this key's slot; without, any that answers.
        options: of each connection: timeouts, ``retry``, ``health_check_interval``.
    """
    seconds = min(_FINDING_SECONDS, options["socket_connect_timeout"])
    finding = {
        "socket_connect_timeout": seconds,
        "socket_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),
    }
    has_tls = bool(place.options.get("ssl"))
    manager: Any
    kind: type[SentinelManagedConnection]
    if place.kind == "sentinel":
        of_sentinels = finding | dict(place.sentinel_options)
        manager = _Sentinels(place.nodes, sentinel_kwargs=of_sentinels)  # type: ignore[no-untyped-call]
        kind = _FollowedSSL if has_tls else _Followed
    else:
        manager = _Nodes(place.nodes, key, finding | dict(place.options))
        kind = _MovingSSL if has_tls else _Moving
    told = {name: value for name, value in place.options.items() if name != "ssl"}
    pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
        place.service or "cluster",
        manager,
        connection_class=kind,
        db=place.db,
        **told,
        **options,
    )
    return redis.Redis.from_pool(pool)
