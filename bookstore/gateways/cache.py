"""Ready answers in Redis. A Redis that is away is a miss, never an error.

Keys carry their namespace's version. A writer moves the version after its commit, so what was
computed from older rows is stored under a version that nobody asks for any more.
"""

import logging
import threading

import redis

from bookstore.extensions import redis_handle

log = logging.getLogger(__name__)

_PREFIX = "bookstore:cache:"
_lock = threading.Lock()
# Namespaces whose version could not be moved because Redis was away: moved before the next read.
_owed: set[str] = set()


def version(namespace: str) -> int | None:
    """Return the namespace's version, or None when there is no cache to use now."""
    try:
        _pay()
        return int(redis_handle.client.get(f"{_PREFIX}version:{namespace}") or 0)
    except redis.RedisError:
        return None


def get(namespace: str, at: int, key: str) -> bytes | None:
    """Return the bytes stored under ``key`` at version ``at``, or None."""
    try:
        found = redis_handle.client.get(f"{_PREFIX}{namespace}:{at}:{key}")
    except redis.RedisError:
        return None
    return found if isinstance(found, bytes) else None


def put(namespace: str, at: int, key: str, value: bytes, seconds: int) -> None:
    """Store bytes for ``seconds``."""
    try:
        redis_handle.client.set(f"{_PREFIX}{namespace}:{at}:{key}", value, ex=seconds)
    except redis.RedisError:
        log.debug("cache not written")


def bump(namespace: str) -> None:
    """Make everything stored in the namespace stale."""
    with _lock:
        _owed.add(namespace)
    try:
        _pay()
    except redis.RedisError as error:
        log.warning("cache version not moved", extra={"namespace": namespace, "why": str(error)})


def _pay() -> None:
    while _owed:
        with _lock:
            namespace = next(iter(_owed), None)
        if namespace is None:
            return
        redis_handle.client.incr(f"{_PREFIX}version:{namespace}")
        with _lock:
            _owed.discard(namespace)
