"""Who has how many sockets, over all processes: in Redis, by leases that die with a process."""

import secrets
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson
import redis

from bookstore.extensions import redis_handle

LEASE_SECONDS = 90

# Count the leases that still hold, and take one if there is room. Redis's clock, not ours. The
# client repeats a call whose answer did not come in time: it may have this lease already.
_ENTER = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1])
    and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
# Whoever is here gets a lease, also when Redis has forgotten all of them.
_RENEW = """
local now = tonumber(redis.call('TIME')[1])
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[1], ARGV[i + 1])
  redis.call('EXPIRE', key, ARGV[1])
end
"""
_PROCESSES = "bookstore:sockets:processes"
_CHUNK = 500


class Presence:
    """The sockets of this process, and their leases among those of all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._here: Counter[int] = Counter()
        self._count = 0
        self._lock = threading.Lock()
        self._process = secrets.token_hex(8)

    def enter(self, user_id: int) -> str | None:
        """Take one of the user's places; None when all are taken.

        Without Redis only the places of this process are known.
        """
        member = secrets.token_hex(6)
        with self._lock:
            if self._here[user_id] >= self._limit:
                return None
            self._here[user_id] += 1
            self._count += 1
        try:
            took = redis_handle.client.eval(
                _ENTER, 1, _key(user_id), member, str(self._limit), str(LEASE_SECONDS)
            )
        except redis.RedisError:
            return member
        if not took:
            self.left(user_id)
            return None
        return member

    def here(self) -> int:
        """Return how many places are taken in this process."""
        return self._count

    def left(self, user_id: int) -> None:
        """Give a place in this process back; its lease goes by ``leave``."""
        with self._lock:
            self._here[user_id] -= 1
            self._count -= 1
            if self._here[user_id] <= 0:
                del self._here[user_id]

    def leave(self, gone: Iterable[tuple[int, str]]) -> None:
        """End the leases of (user, place); RedisError when Redis is away."""
        pipe = redis_handle.client.pipeline(transaction=False)
        for user_id, member in gone:
            pipe.zrem(_key(user_id), member)
        pipe.execute()

    def renew(self, present: list[tuple[int, str]]) -> None:
        """Renew the leases of (user, place); RedisError when Redis is away."""
        for start in range(0, len(present), _CHUNK):
            chunk = present[start : start + _CHUNK]
            keys = [_key(user_id) for user_id, _ in chunk]
            members = [member for _, member in chunk]
            redis_handle.client.eval(_RENEW, len(chunk), *keys, str(LEASE_SECONDS), *members)

    def report(self, stats: dict[str, int] | None) -> None:
        """Let everybody know this process's figures (None: it is gone); RedisError as above."""
        client = redis_handle.client
        if stats is None:
            client.hdel(_PROCESSES, self._process)
        else:
            until = _now(client) + LEASE_SECONDS
            client.hset(_PROCESSES, self._process, orjson.dumps([until, stats]))


def totals() -> dict[str, int]:
    """Return the sum of what all living processes reported last; RedisError when Redis is away."""
    client, total = redis_handle.client, Counter[str]()
    now = _now(client)
    reported: Any = client.hgetall(_PROCESSES)
    for process, raw in reported.items():
        until, stats = orjson.loads(raw)
        if until < now:
            client.hdel(_PROCESSES, process)
        else:
            total.update(stats)
    return dict(total)


def _now(client: "redis.Redis") -> int:
    moment: Any = client.time()
    return int(moment[0])


def _key(user_id: int) -> str:
    # One slot of a cluster for all: a script renews the leases of many users at once.
    return f"bookstore:{{sockets}}:{user_id}"
