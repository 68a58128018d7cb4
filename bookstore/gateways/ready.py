"""Answers that are ready to be sent, asked for together with the limits: one round trip.

By an address of the shop's there may be a **body**, as a service made it, and **entries**: whole
answers, one for each way in which such a body is sent (encoded, to another origin …).

Who finds neither fills: makes it, while others who ask for the same wait for that, not long. A lock
says who fills and for which version; it ends by itself if its owner does.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import redis
from limits import RateLimitItem

from bookstore.extensions import context_maker, redis_handle
from bookstore.gateways import cache, rates, windows
from bookstore.gateways.scripts import Script, lines_of, pack
from bookstore.gateways.windows import Window

log = logging.getLogger(__name__)

LOCK_MS = 3000
# What is kept in a quarter of an hour at most, by addresses with a query and again by those
# without. But for the bestsellers nothing lives longer, so there is never more than twice as much.
BUDGET_BYTES, BUDGET_SECONDS = 64 * 1024 * 1024, 900
# Of a place.
_KEYS = 4
_OWN = b"$%d\r\n%%b\r\n" % cache.LENGTH * 2 + b"$%d\r\n%b\r\n"

# Keys, from the first: version, entry, body, lock. Arguments: a new version, whose the lock will
# be, and a beginning: of an entry that has this the first line is enough.
_LOOK = f"""
local function look(found)
    local at = redis.call('GET', KEYS[1])
    if not at then
        at = ARGV[1]
        redis.call('SET', KEYS[1], at)
    end
    local function of_now(name)
        local value = redis.call('GET', name)
        return value and string.sub(value, 1, {cache.LENGTH}) == at and value
    end
    local n = #found
    found[n + 1] = at
    local entry = of_now(KEYS[2])
    if entry then
        local start = ARGV[3]
        if start ~= '' and string.sub(entry, {cache.LENGTH + 1}, {cache.LENGTH} + #start) == start
        then
            entry = string.sub(entry, 1, (string.find(entry, '\\n', 1, true)))
        end
        found[n + 2] = entry
        return found
    end
    found[n + 2], found[n + 3] = false, of_now(KEYS[3])
    if found[n + 3] then return found end
    if of_now(KEYS[4]) then
        found[n + 4] = 'wait'
    else
        redis.call('SET', KEYS[4], at .. ARGV[2], 'PX', {LOCK_MS})
        found[n + 4] = 'fill'
    end
    return found
end
"""
_LOOK_ALONE = Script(f"{_LOOK} return look({{}})")
# Behind those keys and arguments come those of ``windows.COUNT``; and its numbers before the rest.
_BOTH = Script(
    f"""{windows.COUNT} {_LOOK}
local found, good = count(5, 4)
if good then return look(found) end
return found
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

    def packed(self) -> bytes:
        """Return its keys as ``Asking`` sends them."""
        return pack(*self.names())

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


class Entry(NamedTuple):
    """A whole answer: its first line, and what is below (nothing, if that was not wanted)."""

    head: bytes
    content: bytes


class Found(NamedTuple):
    """What there is: an entry, else a body, else whether another fills just now (``is_awaited``)
    or whoever asked has to, and then how the lock is signed (``lock``)."""

    version: bytes
    entry: Entry | None = None
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
        counts = rates.hit(counted)
        return counts, look(place) if all(one.taken for one in counts) else None
    words = _words()

    def both(names: list[str], numbers: list[int]) -> tuple[Sequence[int], Any]:
        found = _BOTH(redis_handle.quick, [*place.names(), *names], [*words, "", *numbers])
        return _parted(found, len(counted))

    counts, found = rates.hit_by(counted, both)
    return counts, _found(place, found, words) if found else None


class Asking:
    """Asks as ``ask`` does, for the present app and later without its context.

    What is sent each time for one place, or for who is counted, is packed once.
    """

    def __init__(self) -> None:
        self._watch, self._contexts = rates.Watch(), context_maker()
        # In a cluster, what is counted is on other nodes.
        self._lines = None if redis_handle.is_cluster else lines_of(redis_handle.quick)

    def fits(self) -> bool:
        """Return whether the app still asks there."""
        return self._watch.fits()

    def __call__(
        self, counted: rates.Packed, place: Place, packed: bytes, start: bytes
    ) -> tuple[list[Window], Found | None] | None:
        """Count and look; None: something is unusual, so that ``ask`` has to be used.

        Args:
            counted: what.
            place: where to look.
            packed: its names, as they are sent.
            start: an entry that begins so is wanted without its content.
        """
        if self._lines is None or self._watch.is_away() or not cache.is_usable(place.namespace):
            return None
        words = _words()
        given = b"".join(
            (
                pack(_KEYS + counted.many),
                *(packed, counted.keys),
                # Words are all of the same length.
                _OWN % (words[0].encode(), words[1].encode(), len(start), start),
                counted.numbers,
            )
        )
        try:
            found = _BOTH.ask(self._lines, 1 + _KEYS + len(words) + 1 + 2 * counted.many, given)
        except redis.RedisError as error:
            # It may have counted all the same; a second question would be counted, too.
            with self._contexts():
                return rates.hit_without(counted.counted, error), None
        numbers, rest = _parted(found, counted.many // 2)
        if rest and rest[0] == words[0].encode():
            with self._contexts():
                return windows.windows(numbers), _found(place, rest, words)
        return windows.windows(numbers), _found(place, rest, words) if rest else None


def look(place: Place) -> Found | None:
    """Return what there is; None when there is no cache to use now."""
    words = _words()
    try:
        return _found(place, _LOOK_ALONE(redis_handle.quick, place.names(), [*words, ""]), words)
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


def _parted(found: list[Any], rates_counted: int) -> tuple[Sequence[int], list[Any]]:
    """Return what is of the rates, and what was found then."""
    end = rates_counted * windows.NUMBERS
    return found[:end], found[end:]


def _found(place: Place, found: Any, words: tuple[str, str]) -> Found | None:
    version, signed = words
    if found[0] == version.encode():
        # Redis had lost its memory. Who fills from a replica has to know what that must have:
        # this is noted with another version, and of the first nothing is ever asked for.
        cache.bump(place.namespace)
        return look(place) if cache.is_usable(place.namespace) else None
    at, entry, body, word = [*found, None, None, None][:4]
    if entry:
        end = entry.index(b"\n")
        return Found(at, Entry(entry[cache.LENGTH : end], entry[end + 1 :]))
    return Found(
        at,
        None,
        body and body[cache.LENGTH :],
        word == b"wait",
        at + signed.encode() if word == b"fill" else None,
    )
