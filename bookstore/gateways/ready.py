"""Answers that are ready to be sent, asked for together with the limits: one round trip.

By an address of the shop's there may be a **body**, as a service made it, and **entries**: whole
answers, one for each way in which such a body is sent (encoded, to another origin …).

Who finds neither fills: makes it, while others who ask for the same wait for that, not long. A lock
says who fills and for which version; it ends by itself if its owner does.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis
from limits import RateLimitItem

from bookstore.extensions import redis_handle
from bookstore.gateways import cache, rates
from bookstore.gateways.rates import Window
from bookstore.gateways.scripts import Script

log = logging.getLogger(__name__)

LOCK_MS = 3000
# What is kept in a quarter of an hour at most, by addresses with a query and again by those
# without. But for the bestsellers nothing lives longer, so there is never more than twice as much.
BUDGET_BYTES, BUDGET_SECONDS = 64 * 1024 * 1024, 900

# Names: version, entry, body, lock. Words: a new version, and whose the lock will be.
_LOOK = f"""
local function look(names, words)
    local at = redis.call('GET', names[1])
    if not at then
        at = words[1]
        redis.call('SET', names[1], at)
    end
    local function of_now(name)
        local value = redis.call('GET', name)
        return value and string.sub(value, 1, {cache.LENGTH}) == at and value
    end
    local entry = of_now(names[2])
    if entry then return {{at, entry}} end
    local body = of_now(names[3])
    if body then return {{at, false, body}} end
    if of_now(names[4]) then return {{at, false, false, 'wait'}} end
    redis.call('SET', names[4], at .. words[2], 'PX', {LOCK_MS})
    return {{at, false, false, 'fill'}}
end
"""
_LOOK_ALONE = Script(f"{_LOOK} return look(KEYS, ARGV)")
_BOTH = Script(
    f"""{rates.COUNT} {_LOOK}
local function part(of, from, to)
    local found = {{}}
    for i = from, to do found[#found + 1] = of[i] end
    return found
end
local found, good = count(part(KEYS, 5, #KEYS), part(ARGV, 3, #ARGV))
return {{found, good and look(KEYS, ARGV)}}
"""
)
# Keys: lock, budget, then one for each value. Arguments: the lock's value, seconds, values.
_PUT = Script(
    f"""
local size = 0
for i = 3, #ARGV do size = size + #ARGV[i] end
local spent = redis.call('INCRBY', KEYS[2], size)
if spent == size then redis.call('EXPIRE', KEYS[2], {BUDGET_SECONDS}) end
if spent <= {BUDGET_BYTES} then
    for i = 3, #ARGV do redis.call('SET', KEYS[i], ARGV[i], 'EX', ARGV[2]) end
end
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
)
_RELEASE = Script("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer is looked for: a namespace, the address that is asked for, and the way in
    which its answer is to be sent."""

    namespace: str
    address: str
    way: str

    def names(self) -> list[str]:
        """Return the keys of the version, the entry, the body and the lock."""
        key, address = cache.key, self.address
        return [
            cache.version_key(self.namespace),
            key(self.namespace, f"entry:{self.way}:{address}"),
            key(self.namespace, body_name(self)),
            key(self.namespace, f"lock:{address}"),
        ]


def body_name(place: Place) -> str:
    """Return by what name ``cache.look`` finds the body alone."""
    return f"body:{place.address}"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is: an entry, else a body, else whether another fills just now (``is_awaited``)
    or whoever asked has to, and then how the lock is signed (``lock``)."""

    version: bytes
    entry: bytes | None = None
    body: bytes | None = None
    is_awaited: bool = False
    lock: bytes | None = None


def ask(
    counted: Sequence[tuple[RateLimitItem, str]], place: Place
) -> tuple[list[Window], Found | None]:
    """Count as ``rates.hit`` does, and look what there is if nothing refuses.

    Returns:
        what was counted; and what was found, None when there is no cache to use now.
    """
    if not cache.is_usable(place.namespace):
        return rates.hit(counted), None
    if redis_handle.is_cluster:
        # What is counted is on other nodes.
        return rates.hit(counted), look(place)
    words = _words()

    def both(names: list[str], numbers: list[int]) -> tuple[Any, Any]:
        return _BOTH(redis_handle.quick, [*place.names(), *names], [*words, *numbers])  # type: ignore[no-any-return]

    windows, found = rates.hit_by(counted, both)
    return windows, _found(place, found, words) if found else None


def look(place: Place) -> Found | None:
    """Return what there is; None when there is no cache to use now."""
    words = _words()
    try:
        return _found(place, _LOOK_ALONE(redis_handle.quick, place.names(), words), words)
    except redis.RedisError:
        return None


def put(place: Place, lock: bytes | None, at: bytes, seconds: int, **values: bytes | None) -> None:
    """Keep what was made of the version ``at``, and let those go on who wait for it.

    Args:
        place: where.
        lock: as ``Found`` has it.
        at: the version that was found before anything was read.
        seconds: for how long.
        values: ``entry`` and ``body``, those that there are.
    """
    _, entry, body, locked = place.names()
    given = {name: values.get(kind) for kind, name in (("entry", entry), ("body", body))}
    kept = {name: at + value for name, value in given.items() if value is not None}
    budget = cache.key(place.namespace, f"budget:{'?' in place.address}")
    try:
        _PUT(
            redis_handle.quick,
            [locked, budget, *kept],
            [lock or b"", seconds, *kept.values()],
        )
    except redis.RedisError:
        log.debug("cache not written")


def release(place: Place, lock: bytes) -> None:
    """Let those go on who wait: there is nothing to keep."""
    try:
        _RELEASE(redis_handle.quick, place.names()[3:], [lock])
    except redis.RedisError:
        log.debug("lock not released")


def _words() -> tuple[str, str]:
    return cache.new_version(), cache.new_version()


def _found(place: Place, found: Any, words: tuple[str, str]) -> Found | None:
    version, signed = words
    if found[0] == version.encode():
        # Redis had lost its memory. Who fills from a replica has to know what that must have:
        # this is noted with another version, and of the first nothing is ever asked for.
        cache.bump(place.namespace)
        return look(place) if cache.is_usable(place.namespace) else None
    at, entry, body, word = [*found, None, None, None][:4]
    length = cache.LENGTH
    return Found(
        at,
        entry and entry[length:],
        body and body[length:],
        word == b"wait",
        at + signed.encode() if word == b"fill" else None,
    )
