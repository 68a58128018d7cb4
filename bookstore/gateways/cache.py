"""What was made before, kept in Redis. A Redis that is away is a miss, never an error.

Each value says which version of its namespace it is of, a random word. A writer changes the word
after its commit, so what was computed from older rows bears a word nobody asks for any more, also
when Redis lost its memory in between; and what is made anew takes the place of the old.
"""

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

import redis

from bookstore import instruments, words
from bookstore.extensions import redis_handle
from bookstore.gateways import marks

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
# Of a version, in bytes: values begin with theirs.
LENGTH = words.LENGTH

_lock = threading.Lock()
# Namespaces whose version could not be changed because Redis was away.
_owed: set[str] = set()


@dataclass(frozen=True, slots=True)
class Look:
    """What a look into the cache found: the namespace's version, and the value, if there is one
    of that version."""

    version: bytes
    value: bytes | None


def key(namespace: str, name: str) -> str:
    """Return Redis's name of something; all of a namespace is on one node of a cluster."""
    return f"bookstore:cache:{{{namespace}}}:{name}"


def version_key(namespace: str) -> str:
    """Return Redis's name of a namespace's version."""
    return key(namespace, "version")


def new_version() -> str:
    """Return a word that was no version before."""
    return words.new()


def is_usable(namespace: str) -> bool:
    """Return False while this process knows of something stale in it that Redis was not told."""
    return namespace not in _owed


def look(namespace: str, name: str) -> Look | None:
    """Return what there is by a name; None when there is no cache to use now."""
    found = _look(namespace, name) if is_usable(namespace) else None
    kind = "error" if found is None else "miss" if found.value is None else "hit"
    instruments.CACHE.add(namespace, kind)
    return found


def put(namespace: str, at: bytes, name: str, value: bytes, seconds: int) -> None:
    """Keep a value of the version ``at`` for ``seconds``."""
    try:
        redis_handle.client.set(key(namespace, name), at + value, ex=seconds)
    except redis.RedisError:
        log.debug("cache not written")


def mark(namespace: str) -> str:
    """Return the name (``marks``) of when the version was last changed."""
    return f"cache:{namespace}"


def version(namespace: str) -> bytes | None:
    """Return the namespace's version, or None when there is no cache to use now."""
    found = _look(namespace, "version") if is_usable(namespace) else None
    return None if found is None else found.version


def _look(namespace: str, name: str) -> Look | None:
    client: Any = redis_handle.client  # its types know text, too
    where = version_key(namespace)
    try:
        at, value = client.mget(where, key(namespace, name))
        if at is None:
            _mark(client, namespace, marks.life())
            client.set(where, new_version(), nx=True)
            at = client.get(where)
    except redis.RedisError:
        return None
    if not isinstance(at, bytes):
        return None
    is_good = value is not None and value.startswith(at)
    return Look(at, value[LENGTH:] if is_good else None)


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
    # Before the version: who sees that finds the mark.
    _mark(client, namespace, life)
    client.set(version_key(namespace), new_version())


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
