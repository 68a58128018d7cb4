"""Who works behind the shop at this moment: a sign of life each second, forgotten soon after.

RQ's own registration of a worker outlives it by half a minute, and a scheduler has none.
"""

from typing import Any

import redis

from bookstore.extensions import redis_handle
from bookstore.gateways.queue import QUEUES

SCHEDULER = "scheduler"
EVERY_SECONDS = 1.0
# One that dies is missed after so long. A machine under load may delay a beat or two.
ALIVE_MS = 3500

# Redis's clock, not ours: workers may be on other machines.
_BEAT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_COUNT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('ZCOUNT', key, '(' .. now, '+inf') end
return found
"""


def own_client() -> "redis.Redis":
    """Return a client for a thread that does nothing but beat."""
    return redis_handle.clients.once(0.5)


def beat(client: "redis.Redis", role: str, member: str) -> None:
    """Show that a process is at work on a queue (or as ``SCHEDULER``).

    Raises:
        redis.RedisError: Redis is away.
    """
    client.eval(_BEAT, 1, _key(role), member, str(ALIVE_MS))


def counts() -> dict[str, int]:
    """Return how many processes work on each queue, and as ``SCHEDULER``.

    Raises:
        redis.RedisError: Redis, or some of a cluster, is away.
    """
    client: Any = redis_handle.client
    if redis_handle.is_cluster:
        # The roles are on one of its nodes. That the others answer says nobody else.
        client.ping(target_nodes="primaries")
    roles = (*QUEUES, SCHEDULER)
    found = client.eval(_COUNT, len(roles), *map(_key, roles))
    return dict(zip(roles, found, strict=True))


def _key(role: str) -> str:
    # One slot of a cluster for all: they are asked about at once.
    return f"bookstore:{{beats}}:{role}"
