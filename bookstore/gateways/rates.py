"""Rates are counted in Redis, and by each process for itself while Redis is away.

The storage of flask-limiter: its limits' algorithm (a sliding window by two counters), keys and
values. What it adds is one round trip for all the rates of a request and what its answer says of
them (``windows``), and that it never fails. flask-limiter's own fallback lets the second of two
requests that meet a dead Redis at once fail, and comes back from it only after up to half a minute.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import redis
from flask import current_app
from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.storage.base import SlidingWindowCounterSupport

from bookstore.extensions import limiter, redis_handle
from bookstore.gateways.scripts import Script, pack
from bookstore.gateways.windows import COUNT, PREFIX, Window, flat, windows

log = logging.getLogger(__name__)

T = TypeVar("T")

_SCRIPT = Script(f"{COUNT} return (count(1, 1))")


def hit(counted: Sequence[tuple[RateLimitItem, str]]) -> list[Window]:
    """Count one for each; those after the first that refuses it are only read.

    Args:
        counted: each rate with the name of what is counted, ``<policy>:<who>``: of no person and
            no address, since keys can be read. All of one call are of one ``who``.
    """

    def ask(names: list[str], numbers: list[int]) -> tuple[Sequence[int], None]:
        return _SCRIPT(redis_handle.quick, names, numbers), None

    return hit_by(counted, ask)[0]


def hit_by(
    counted: Sequence[tuple[RateLimitItem, str]],
    ask: Callable[[list[str], list[int]], tuple[Sequence[int], T]],
) -> tuple[list[Window], T | None]:
    """As ``hit``, by a script of the caller's that asks for something else as well.

    Args:
        counted: as for ``hit``.
        ask: given what ``count`` of ``COUNT`` takes, returns what that found, and the rest.

    Returns:
        what ``hit`` does, and the rest; None while Redis does not answer.
    """
    keys = [(_key(rate, name), *_numbers(rate)) for rate, name in counted]
    return storage().hit(keys, ask)


class Packed(NamedTuple):
    """What is ``counted``, and for a script: how many keys, and they and the numbers as sent."""

    counted: Sequence[tuple[RateLimitItem, str]]
    many: int
    keys: bytes
    numbers: bytes


def packed(counted: Sequence[tuple[RateLimitItem, str]]) -> Packed:
    """Return what ``hit`` would count, packed once for many times."""
    names, numbers = flat([(_key(rate, name), *_numbers(rate)) for rate, name in counted])
    return Packed(counted, len(names), pack(*names), pack(*numbers))


def hit_without(
    counted: Sequence[tuple[RateLimitItem, str]], error: redis.RedisError
) -> list[Window]:
    """As ``hit``, for whom Redis did not answer just now: it is not asked once more."""

    def ask(_names: list[str], _numbers: list[int]) -> tuple[Sequence[int], None]:
        raise error

    return hit_by(counted, ask)[0]


class Watch:
    """Where the present app counts now; later it says, without a context, whether it still does."""

    def __init__(self) -> None:
        self._extensions = current_app.extensions
        self._client, self._places = redis_handle.quick, _places()

    def fits(self) -> bool:
        """Return whether it still counts in the same place."""
        get = self._extensions.get
        return (
            get("bookstore_rates") is self._places and get("bookstore_redis_quick") is self._client
        )

    def is_away(self) -> bool:
        """Return whether Redis was away when it was last asked."""
        return self._places.is_away


def look(rate: RateLimitItem, name: str) -> Window:
    """Return how a rate stands for what ``hit`` counts by this name; ``taken`` if one may come."""
    found = storage().get_sliding_window(_key(rate, name), rate.get_expiry())
    window = Window(True, *found)
    return window if window.remaining(rate) else window._replace(taken=False)


def storage() -> "ShopStorage":
    """Return what counts."""
    return cast(ShopStorage, limiter.storage)


def _key(rate: RateLimitItem, name: str) -> str:
    """Return the library's key of a rate; on a cluster, one that has its slot by who is counted.

    The library writes braces around it. What comes before the first that closes is the hash tag.
    """
    key = rate.key_for(name)
    return f"{name.partition(':')[2]}}}{key}" if redis_handle.is_cluster else key


def _numbers(rate: RateLimitItem) -> tuple[int, int]:
    return rate.amount, rate.get_expiry()


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


def _places() -> _Places:
    found: _Places | None = current_app.extensions.get("bookstore_rates")
    # Two threads may both make them; the first one's are used.
    return found or current_app.extensions.setdefault("bookstore_rates", _Places())


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
        ask: Callable[[list[str], list[int]], tuple[Sequence[int], T]],
    ) -> tuple[list[Window], T | None]:
        """Count one under each (key, most, seconds), up to the first that has had the most."""
        places = _places()
        names, numbers = flat(keys)
        try:
            found, more = ask(names, numbers)
        except redis.RedisError as error:
            self._away(places, error)
            return places.memory_hit(keys), None
        self._back(places)
        return windows(found), more

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
        return bool(_places().redis.check())

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
        places = _places()
        try:
            found = getattr(places.redis, method)(*arguments)
        except redis.RedisError as error:
            self._away(places, error)
            return getattr(places.memory, method)(*arguments)
        self._back(places)
        return found

    def _away(self, places: _Places, error: Exception) -> None:
        if not places.is_away:
            places.is_away = True
            log.warning("each process limits by itself: Redis is away", extra={"why": str(error)})

    def _back(self, places: _Places) -> None:
        if places.is_away:
            places.is_away = False
            log.info("limits are counted in Redis again")
