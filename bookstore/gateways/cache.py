"""Ready answers in Redis. A Redis that is away is a miss, never an error.

Keys carry their namespace's version, a random word. A writer changes the word after its
commit, so what was computed from older rows is stored under a word nobody asks for any more,
also when Redis lost its memory in between.
"""

import logging
import secrets
import threading
import time

import redis

from bookstore import instruments
from bookstore.extensions import redis_handle
from bookstore.gateways import marks

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5

_PREFIX = "bookstore:cache:"
_lock = threading.Lock()
# Namespaces whose version could not be changed because Redis was away.
_owed: set[str] = set()


def version(namespace: str) -> str | None:
    """Return the namespace's version, or None when there is no cache to use now."""
    if namespace in _owed:
        instruments.CACHE.add(namespace, "error")
        return None
    try:
        client, name = redis_handle.client, f"{_PREFIX}version:{namespace}"
        found = client.get(name)
        if found is None:
            # Before the version: who sees that finds the mark.
            _mark(client, namespace, marks.life())
            client.set(name, secrets.token_hex(8), nx=True)
            found = client.get(name)
    except redis.RedisError:
        instruments.CACHE.add(namespace, "error")
        return None
    return found.decode() if isinstance(found, bytes) else None


def get(namespace: str, at: str, key: str) -> bytes | None:
    """Return the bytes stored under ``key`` at version ``at``, or None."""
    try:
        found = redis_handle.client.get(f"{_PREFIX}{namespace}:{at}:{key}")
    except redis.RedisError:
        instruments.CACHE.add(namespace, "error")
        return None
    instruments.CACHE.add(namespace, "miss" if found is None else "hit")
    return found if isinstance(found, bytes) else None


def put(namespace: str, at: str, key: str, value: bytes, seconds: int) -> None:
    """Store bytes for ``seconds``."""
    try:
        redis_handle.client.set(f"{_PREFIX}{namespace}:{at}:{key}", value, ex=seconds)
    except redis.RedisError:
        log.debug("cache not written")


def mark(namespace: str) -> str:
    """Return the name (``marks``) of when the version was last changed."""
    return f"cache:{namespace}"


def bump(namespace: str) -> None:
    """Make everything stored in the namespace stale.

    With Redis away this process uses no cache, and changes the version as soon as Redis is
    back: other processes must not go on with what they find there.
    """
    life = marks.life()
    try:
        _change(redis_handle.insistent, namespace, life)
    except redis.RedisError as error:
        with _lock:
            first = not _owed
            _owed.add(namespace)
        if first:
            log.warning("cache not cleared, Redis is away", extra={"why": str(error)})
            client = redis_handle.insistent
            threading.Thread(
                target=_pay, args=[client, life], name="cache-debt", daemon=True
            ).start()


def _change(client: "redis.Redis", namespace: str, life: float | None) -> None:
    _mark(client, namespace, life)
    client.set(f"{_PREFIX}version:{namespace}", secrets.token_hex(8))


def _mark(client: "redis.Redis", namespace: str, life: float | None) -> None:
    if life is not None:
        marks.write(client, [mark(namespace)], life)


def _pay(client: "redis.Redis", life: float | None) -> None:
    while True:
        with _lock:
            owed = sorted(_owed)
        try:
            for namespace in owed:
                _change(client, namespace, life)
        except redis.RedisError:
            time.sleep(RETRY_SECONDS)
            continue
        with _lock:
            _owed.difference_update(owed)
            if not _owed:
                log.info("cache cleared after Redis came back")
                return
