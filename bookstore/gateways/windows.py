"""The two windows of a rate in Redis: counted by one script for several rates, and what they say.

Keys, values and the algorithm (a sliding window by two counters) are those of flask-limiter's
library, which reads and writes the same keys.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from limits import RateLimitItem

PREFIX = "bookstore:limits"
# So many the script says of each rate.
NUMBERS = 5

# What the library's two scripts do for one rate, for all rates at once, and each key asked once:
# ``tests/services/test_rates.py`` holds that the library, and whatever else of it counts or reads
# these keys, finds what it would have left. ``count(from_key, from_number)`` takes the keys and
# numbers of ``flat`` out of KEYS and ARGV; it returns five numbers a rate, as ``windows`` reads
# them, and whether all were taken.
COUNT = """
local function count(from_key, from_number)
    local found, good, at = {}, true, from_number
    for i = from_key, #KEYS, 2 do
        local previous, current = KEYS[i], KEYS[i + 1]
        local most, span = tonumber(ARGV[at]), ARGV[at + 1] * 1000
        at = at + 2
        local ttl = redis.call('PTTL', current)
        local counted = redis.call('GET', current)
        if ttl > 0 and ttl < span then
            -- It has become the previous one.
            redis.call('RENAME', current, previous)
            ttl, counted = ttl + span, '0'
            redis.call('SET', current, 0, 'PX', ttl)
        end
        local before, left = tonumber(redis.call('GET', previous)) or 0, 0
        if before > 0 then left = math.max(0, redis.call('PTTL', previous)) end
        local now = tonumber(counted) or 0
        good = good and math.floor(before * left / span) + now + 1 <= most
        if good and counted then
            now = redis.call('INCR', current)
        elseif good then
            ttl, now = span * 2, 1
            redis.call('SET', current, 1, 'PX', ttl)
        end
        local n = #found
        found[n + 1], found[n + 2], found[n + 3] = good and 1 or 0, before, left
        found[n + 4], found[n + 5] = now, math.max(0, ttl)
    end
    return found, good
end
"""


class Window(NamedTuple):
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


def flat(keys: Sequence[tuple[str, int, int]]) -> tuple[list[str], list[int]]:
    """Return the keys and numbers of ``COUNT`` for each (key, most, seconds)."""
    names: list[str] = []
    numbers: list[int] = []
    for key, amount, seconds in keys:
        # As the library names them; both have to be on one node of a cluster.
        names += (f"{PREFIX}:{{{key}}}/-1", f"{PREFIX}:{{{key}}}")
        numbers += (amount, seconds)
    return names, numbers


def windows(found: Sequence[int]) -> list[Window]:
    """Return what the numbers say that ``count`` of ``COUNT`` has found."""
    return [
        Window(
            found[at] == 1,
            found[at + 1],
            found[at + 2] / 1000,
            found[at + 3],
            found[at + 4] / 1000,
        )
        for at in range(0, len(found), NUMBERS)
    ]
