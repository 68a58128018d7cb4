"""Rates are counted in Redis, and by each process for itself while Redis is away.

The storage of flask-limiter: of its limits' algorithm (a sliding window by two counters) nothing is
our own. What it adds is one round trip for all the rates of a request and what its answer says of
them, and that it never fails. flask-limiter's own fallback lets the second of two requests that
meet a dead Redis at once fail, and comes back from it only after up to half a minute.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import redis
from flask import current_app
from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.storage.base import SlidingWindowCounterSupport

from bookstore.extensions import limiter, redis_handle
from bookstore.gateways.scripts import Script

log = logging.getLogger(__name__)

PREFIX = "bookstore:limits"

T = TypeVar("T")

# The library's two scripts, for all rates at once: each takes two keys, and two or three numbers.
# ``count(names, numbers)`` returns what ``_windows`` reads, and whether all were taken.
COUNT = f"""
local function acquire(KEYS, ARGV)
{RedisStorage.SCRIPT_ACQUIRE_SLIDING_WINDOW.decode()}
end
local function window(KEYS, ARGV)
{RedisStorage.SCRIPT_SLIDING_WINDOW.decode()}
end
local function count(names, numbers)
    local found, good = {{}}, true
    for i = 1, #names / 2 do
        local keys = {{names[2 * i - 1], names[2 * i]}}
        local amount, seconds = numbers[2 * i - 1], numbers[2 * i]
        good = good and acquire(keys, {{amount, seconds, 1}})
        found[i] = {{good and 1 or 0, window(keys, {{seconds}})}}
    end
    return found, good
end
"""
_SCRIPT = Script(f"{COUNT} return (count(KEYS, ARGV))")


@dataclass(frozen=True, slots=True)
class Window:
    """How a rate stands: what its two windows have counted, and for how long (s) they count.

    The previous one counts the less the older it is; the current one lasts for the rate's time,
    and then is the previous one for as long.
    """

    taken: bool
    previous: int
    previous_ends: float
    current: int
    current_ends: float

    def remaining(self, rate: RateLimitItem) -> int:
        """Return how many may still come now."""
        weight = self.previous * self.previous_ends / rate.get_expiry()
        return max(0, rate.amount - math.floor(weight) - self.current)

    def wait(self, rate: RateLimitItem) -> int:
        """Return after how many whole seconds one will be taken, if none is now."""
        seconds, free = rate.get_expiry(), rate.amount - self.current
        if free > 0 and self.previous:
            left = self.previous_ends - free * seconds / self.previous
        else:
            left = self.current_ends - seconds
        return max(1, math.floor(left) + 1)

    def ends(self, rate: RateLimitItem) -> int:
        """Return in how many seconds, rounded up, the current window ends."""
        return max(1, math.ceil(self.current_ends - rate.get_expiry()))


def hit(counted: Sequence[tuple[RateLimitItem, str]]) -> list[Window]:
    """Count one for each; those after the first that refuses it are only read.

    Args:
        counted: each rate with the name of what is counted, ``<policy>:<who>``: of no person and
            no address, since keys can be read. All of one call are of one ``who``.
    """

    def ask(names: list[str], numbers: list[int]) -> tuple[Any, None]:
        return _SCRIPT(redis_handle.quick, names, numbers), None

    return hit_by(counted, ask)[0]


def hit_by(
    counted: Sequence[tuple[RateLimitItem, str]],
    ask: Callable[[list[str], list[int]], tuple[Any, T]],
) -> tuple[list[Window], T | None]:
    """As ``hit``, by a script of the caller's that asks for something else as well.

    Args:
        counted: as for ``hit``.
        ask: given what ``count`` of ``COUNT`` takes, returns what that found, and the rest.

    Returns:
        what ``hit`` does, and the rest; None while Redis does not answer.
    """
    keys = [(_key(rate, name), rate.amount, rate.get_expiry()) for rate, name in counted]
    return storage().hit(keys, ask)


def look(rate: RateLimitItem, name: str) -> Window:
    """Return how a rate stands for what ``hit`` counts by this name; ``taken`` if one may come."""
    found = storage().get_sliding_window(_key(rate, name), rate.get_expiry())
    window = Window(True, *found)
    return window if window.remaining(rate) else replace(window, taken=False)


def storage() -> "ShopStorage":
    """Return what counts."""
    return cast(ShopStorage, limiter.storage)


def _key(rate: RateLimitItem, name: str) -> str:
    """Return the library's key of a rate; on a cluster, one that has its slot by who is counted.

    The library writes braces around it. What comes before the first that closes is the hash tag.
    """
    key = rate.key_for(name)
    return f"{name.partition(':')[2]}}}{key}" if redis_handle.is_cluster else key


def _windows(found: Any) -> list[Window]:
    return [
        Window(
            bool(taken),
            int(previous or 0),
            max(0, previous_ttl) / 1000,
            int(current or 0),
            max(0, current_ttl) / 1000,
        )
        for taken, (previous, previous_ttl, current, current_ttl) in found
    ]


class _Places:
    """Where one app counts."""

    def __init__(self) -> None:
        client = redis_handle.quick
        self.redis = RedisStorage("redis://", key_prefix=PREFIX)
        # The library would make its own, of one Redis or of a cluster that has to be there now.
        self.redis.storage = client
        self.redis.initialize_storage("")
        self.memory = MemoryStorage()
        self.is_away = False

    def memory_hit(self, keys: Sequence[tuple[str, int, int]]) -> list[Window]:
        found, good = [], True
        for key, amount, seconds in keys:
            good = good and self.memory.acquire_sliding_window_entry(key, amount, seconds)
            found.append(Window(good, *self.memory.get_sliding_window(key, seconds)))
        return found


class ShopStorage(Storage, SlidingWindowCounterSupport):
    """Storage of the current app: its Redis, or its memory while Redis does not answer."""

    STORAGE_SCHEME = ["bookstore"]

    @property
    def base_exceptions(self) -> type[Exception]:
        """What it may raise."""
        return redis.RedisError

    def hit(
        self,
        keys: Sequence[tuple[str, int, int]],
        ask: Callable[[list[str], list[int]], tuple[Any, T]],
    ) -> tuple[list[Window], T | None]:
        """Count one under each (key, most, seconds), up to the first that has had the most."""
        places = self._places()
        names: list[str] = []
        numbers: list[int] = []
        for key, amount, seconds in keys:
            # As the library names them; both have to be on one node of a cluster.
            names += (f"{PREFIX}:{{{key}}}/-1", f"{PREFIX}:{{{key}}}")
            numbers += (amount, seconds)
        try:
            found, more = ask(names, numbers)
        except redis.RedisError as error:
            self._away(places, error)
            return places.memory_hit(keys), None
        self._back(places)
        return _windows(found), more

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count under a key that is gone after ``expiry`` seconds."""
        return cast(int, self._ask("incr", key, expiry, amount))

    def get(self, key: str) -> int:
        """Return what was counted by ``incr``."""
        return cast(int, self._ask("get", key))

    def get_expiry(self, key: str) -> float:
        """Return when (Unix time) a key of ``incr`` will be gone."""
        return cast(float, self._ask("get_expiry", key))

    def clear(self, key: str) -> None:
        """Forget a key of ``incr``."""
        self._ask("clear", key)

    def check(self) -> bool:
        """Return whether Redis counts."""
        return bool(self._places().redis.check())

    def reset(self) -> int | None:
        """Forget everything; returns how many keys."""
        return cast("int | None", self._ask("reset"))

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Count ``amount`` if no more than ``limit`` are counted then."""
        return cast(bool, self._ask("acquire_sliding_window_entry", key, limit, expiry, amount))

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return count and remaining seconds of the previous and of the current window."""
        return cast(tuple[int, float, int, float], self._ask("get_sliding_window", key, expiry))

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget both windows."""
        self._ask("clear_sliding_window", key, expiry)

    def _ask(self, method: str, *arguments: Any) -> Any:
        places = self._places()
        try:
            found = getattr(places.redis, method)(*arguments)
        except redis.RedisError as error:
            self._away(places, error)
            return getattr(places.memory, method)(*arguments)
        self._back(places)
        return found

    def _places(self) -> _Places:
        found: _Places | None = current_app.extensions.get("bookstore_rates")
        # Two threads may both make them; the first one's are used.
        return found or current_app.extensions.setdefault("bookstore_rates", _Places())

    def _away(self, places: _Places, error: Exception) -> None:
        if not places.is_away:
            places.is_away = True
            log.warning("each process limits by itself: Redis is away", extra={"why": str(error)})

    def _back(self, places: _Places) -> None:
        if places.is_away:
            places.is_away = False
            log.info("limits are counted in Redis again")
