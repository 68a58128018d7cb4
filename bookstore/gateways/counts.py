"""Numbers that took long to count, kept in Redis for a while. A Redis that is away has none."""

import logging

import redis

from bookstore.extensions import redis_handle

log = logging.getLogger(__name__)


def get(key: str) -> int | None:
    """Return the number that is kept under ``key``, or None."""
    try:
        found = redis_handle.client.get(f"bookstore:count:{key}")
    except redis.RedisError:
        return None
    return int(found) if isinstance(found, bytes) else None


def put(key: str, number: int, seconds: int) -> None:
    """Keep a number for ``seconds``."""
    try:
        redis_handle.client.set(f"bookstore:count:{key}", number, ex=seconds)
    except redis.RedisError:
        log.debug("count not written")
