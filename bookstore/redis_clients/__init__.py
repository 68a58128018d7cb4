"""The clients of Redis, whatever kind of place REDIS_URL names: made here and nowhere else.

One Redis and the master that Sentinels watch are talked to by ordinary clients. On a cluster there
are three: one for commands of one key, or of keys with one hash tag; one of the node that has RQ's
keys, which all have one tag; and one of any node, which is where pub/sub is read.
"""

from typing import Any, cast

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

from bookstore.config import redis_url
from bookstore.config.redis_url import QUEUE_TAG
from bookstore.redis_clients import followed
from bookstore.redis_clients.cluster import ClusterClient
from bookstore.redis_clients.patience import Impatient

_HEALTH_SECONDS = 30
_SUBSCRIBER_HEALTH_SECONDS = 10


class Clients:
    """The clients of one process, each made when it is first asked for; they connect when used."""

    def __init__(self, url: str) -> None:
        self.place = redis_url.parse(url)
        # redis-py's client of a cluster tries again by itself.
        again = 0 if self.is_cluster else 1
        # What one of these finds out about Redis, all know.
        self._impatient = Impatient(again)
        # Once more and at once: the connection may be an old one that Redis has closed.
        self._insistent = Retry(NoBackoff(), again)

    @property
    def is_cluster(self) -> bool:
        """Whether keys that are used together must have one hash tag."""
        return self.place.kind == "cluster"

    def impatient(self, seconds: float) -> "redis.Redis":
        """Return one that waits so long, and leaves a dead Redis alone for a moment."""
        return self._asking(seconds, self._impatient)

    def insistent(self, seconds: float) -> "redis.Redis":
        """Return one that asks also when Redis did not answer a moment ago."""
        return self._asking(seconds, self._insistent)

    def once(self, seconds: float) -> "redis.Redis":
        """Return one that tries once, for a thread that comes again anyway."""
        return self._asking(seconds, Retry(NoBackoff(), 0))

    def queue(self, seconds: float) -> "redis.Redis":
        """Return an impatient one of the node of a cluster that has the queues."""
        # Of its own patience: this node may be away, and the others there.
        return self._queue(seconds, seconds, Impatient(1))

    def waiting(self, seconds: float) -> "redis.Redis":
        """Return one of the Redis that has the queues, for who waits there for up to so long."""
        return self._queue(2, seconds, Retry(ExponentialWithJitterBackoff(0.5, 0.05), 2))

    def subscriber(self) -> "redis.Redis":
        """Return one for pub/sub; it tries nothing again, so that no gap goes unnoticed."""
        return self._of_one(None, 2, 5, Retry(NoBackoff(), 0), _SUBSCRIBER_HEALTH_SECONDS)

    def _asking(self, seconds: float, retry: Retry) -> "redis.Redis":
        if self.is_cluster:
            options = _options(seconds, seconds)
            return cast("redis.Redis", ClusterClient(self.place, retry, **options))
        return self._of_one(None, seconds, seconds, retry)

    def _queue(self, connect: float, answer: float, retry: Retry) -> "redis.Redis":
        return self._of_one(QUEUE_TAG, connect, answer, retry)

    def _of_one(
        self,
        key: str | None,
        connect: float,
        answer: float,
        retry: Retry,
        health_seconds: float = _HEALTH_SECONDS,
    ) -> "redis.Redis":
        options = _options(connect, answer, health_seconds) | {"retry": retry}
        if self.place.kind == "one":
            return redis.Redis.from_url(self.place.url, **options)
        return followed.client(self.place, key, **options)


def _options(
    connect: float, answer: float, health_seconds: float = _HEALTH_SECONDS
) -> dict[str, Any]:
    return {
        "socket_connect_timeout": connect,
        "socket_timeout": answer,
        "health_check_interval": health_seconds,
    }
