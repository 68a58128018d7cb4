"""Marks in Redis of who has just written, so that they read it also from a replica.

A mark says only how long ago: it lives a little longer than a replica may lag, and what is left of
its life tells its age, by one clock, that of Redis. Without a mark the write is older than anything
that a replica in use may lack.

Redis may be away when one is to be made. Then, and for a while after, this process believes in no
missing mark; and it makes it as soon as Redis is back, for the others.
"""

import logging
import threading
import time
from collections.abc import Iterable

import redis
from flask import current_app

from bookstore import replicas
from bookstore.extensions import redis_handle

log = logging.getLogger(__name__)

# Redis counts in milliseconds, and its clock and ours do not go quite alike.
MARGIN_SECONDS = 0.1
RETRY_SECONDS = 0.5

_PREFIX = "bookstore:wrote:"
_lock = threading.Lock()


class _Doubt:
    """What one app owes, and until when a missing mark means nothing."""

    def __init__(self) -> None:
        self.until = 0.0
        self.owed: set[str] = set()


def put(names: Iterable[str]) -> None:
    """Note that these have just written; what they wrote is committed. Never raises."""
    seconds, wanted = life(), set(names)
    if seconds is None or not wanted:
        return
    try:
        write(redis_handle.insistent, wanted, seconds)
    except redis.RedisError as error:
        doubt = _doubt()
        with _lock:
            first = not doubt.owed
            doubt.owed |= wanted
        _lose_faith(doubt, seconds)
        if first:
            log.warning("who wrote is not noted, Redis is away", extra={"why": str(error)})
            threading.Thread(
                target=_pay, args=[redis_handle.insistent, doubt, seconds], daemon=True
            ).start()


def life() -> float | None:
    """Return for how many seconds a mark lives; None: nobody needs any, there is no replica."""
    found = replicas.current()
    return None if found is None else _life(found.lag)


def write(client: "redis.Redis", names: Iterable[str], seconds: float) -> None:
    """Make marks that live so long.

    Raises:
        redis.RedisError: Redis is away.
    """
    for name in names:
        client.set(_PREFIX + name, 1, px=round(seconds * 1000))


def since(name: str) -> float | None:
    """Return the moment (monotonic clock) before which all that this one wrote was committed.

    None: nobody knows, so only the primary will do. One question to Redis.
    """
    found = replicas.current()
    if found is None:
        return None
    doubt, seconds = _doubt(), _life(found.lag)
    try:
        left = redis_handle.quick.pttl(_PREFIX + name)
    except redis.RedisError:
        _lose_faith(doubt, seconds)
        return None
    now = time.monotonic()
    if left >= 0:
        return now - (seconds - left / 1000) + MARGIN_SECONDS
    return None if now < doubt.until else now - found.lag


def _life(lag: float) -> float:
    return lag + 1


def _doubt() -> _Doubt:
    found: _Doubt = current_app.extensions.setdefault("bookstore_doubt", _Doubt())
    return found


def _lose_faith(doubt: _Doubt, seconds: float) -> None:
    doubt.until = time.monotonic() + seconds


def _pay(client: "redis.Redis", doubt: _Doubt, seconds: float) -> None:
    while True:
        with _lock:
            owed = set(doubt.owed)
        try:
            write(client, owed, seconds)
        except redis.RedisError:
            _lose_faith(doubt, seconds)
            time.sleep(RETRY_SECONDS)
            continue
        _lose_faith(doubt, seconds)
        with _lock:
            doubt.owed -= owed
            if not doubt.owed:
                return
