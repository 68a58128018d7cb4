"""Who does a recurring job this time: a key in Redis that expires when the next turn is due.

Any number of schedulers may run. One of them gets each turn; when it dies, another gets the next.
"""

from bookstore import clock
from bookstore.extensions import redis_handle

_PREFIX = "bookstore:turn:"
_SWEPT = "bookstore:swept"


def take(name: str, every: float) -> float:
    """Take this turn of a job that is due each so many seconds.

    Returns:
        0 when it is ours, else for how many seconds somebody else has it.

    Raises:
        redis.RedisError: Redis is away.
    """
    client, key, ms = redis_handle.client, _PREFIX + name, int(every * 1000)
    if client.set(key, 1, nx=True, px=ms):
        return 0
    left = client.pttl(key)
    if 0 <= left <= ms:
        return max(left, 1) / 1000
    # Keys expire by the clock of the wall. Longer than a turn: it was set back, and this one
    # would hold everybody up for hours. (-2: it has expired just now.)
    client.delete(key)
    return 0 if client.set(key, 1, nx=True, px=ms) else every


def shorten(name: str, seconds: float) -> None:
    """Let a turn that failed be over in so many seconds, if it is not before.

    Raises:
        redis.RedisError: Redis is away.
    """
    client, key = redis_handle.client, _PREFIX + name
    if client.pttl(key) > seconds * 1000:
        client.pexpire(key, int(seconds * 1000))


def give_back(name: str) -> None:
    """Let go of a turn that came to nothing.

    Raises:
        redis.RedisError: Redis is away.
    """
    redis_handle.client.delete(_PREFIX + name)


def note_sweep() -> None:
    """Note that a scheduler has just swept.

    Raises:
        redis.RedisError: Redis is away.
    """
    redis_handle.client.set(_SWEPT, clock.now().timestamp())


def seconds_since_sweep() -> float | None:
    """Return how long ago a scheduler swept, None if that is not known.

    Raises:
        redis.RedisError: Redis is away.
    """
    found = redis_handle.client.get(_SWEPT)
    if not isinstance(found, bytes):
        return None
    return max(0.0, clock.now().timestamp() - float(found))
