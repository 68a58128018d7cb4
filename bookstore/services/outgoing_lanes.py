"""What one drain has claimed of one channel, lane by lane: who may be sent to next.

Slow start, after TCP: two in flight to a lane at first, one more for each that arrives, one after
a failure. So a thousand rows for a receiver that hangs hold a thread or two, not all of them; and
lanes that failed last may together have no more than half.
"""

import time
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from bookstore.services.outgoing import LEASE, Channel, Work

FIRST_WINDOW = 2
# So many times the window is claimed, so that a fast lane need not wait for the next claim.
AHEAD = 8
# What is not under way by then is given back: an attempt must end while the lease still holds.
SEND_BY = LEASE.total_seconds() - 20


@dataclass(slots=True)
class _Lane:
    window: int
    doubtful: bool
    in_flight: int = 0
    # With the monotonic time by which each must be under way.
    queue: deque[tuple[Work, float]] = field(default_factory=deque)

    @property
    def busy(self) -> int:
        return self.in_flight + len(self.queue)


class Lanes:
    """The lanes of one channel; used by one thread."""

    def __init__(self, channel: Channel) -> None:
        self.lane_limit, self.limit = channel.lane_limit, channel.limit
        self.in_flight = self.queued = 0
        self._doubtful_in_flight = 0
        self._lanes: dict[Hashable, _Lane] = {}
        # Lanes with something queued, whose turn it is first.
        self._turns: deque[Hashable] = deque()

    @property
    def room(self) -> int:
        """How many more rows may be claimed in all."""
        return AHEAD * self.limit - self.in_flight - self.queued

    def quota(self) -> dict[Hashable, int]:
        """Return how many more rows of each known lane may be claimed."""
        return {name: max(0, AHEAD * lane.window - lane.busy) for name, lane in self._lanes.items()}

    def add(self, claimed: Iterable[Work], claimed_at: float) -> None:
        """Queue what was claimed (at a monotonic time)."""
        for work in claimed:
            lane = self._lanes.get(work.lane)
            if lane is None:
                window = 1 if work.doubtful else min(FIRST_WINDOW, self.lane_limit)
                lane = self._lanes[work.lane] = _Lane(window, work.doubtful)
            if not lane.queue:
                self._turns.append(work.lane)
            lane.queue.append((work, claimed_at + SEND_BY))
            self.queued += 1

    def next(self) -> Work | None:
        """Return what is to be sent now, None when nothing may; lanes take turns."""
        if self.in_flight >= self.limit:
            return None
        for _ in range(len(self._turns)):
            name = self._turns.popleft()
            lane = self._lanes[name]
            if lane.in_flight < lane.window and not (lane.doubtful and self._doubt_is_full()):
                work, _by = lane.queue.popleft()
                lane.in_flight += 1
                self.queued -= 1
                self.in_flight += 1
                self._doubtful_in_flight += lane.doubtful
                if lane.queue:
                    self._turns.append(name)
                return work
            self._turns.append(name)
        return None

    def ended(self, work: Work, ok: bool) -> None:
        """Note that one is no longer under way, and how it went."""
        lane = self._lanes[work.lane]
        self.in_flight -= 1
        self._doubtful_in_flight -= lane.in_flight if lane.doubtful else 0
        lane.in_flight -= 1
        lane.window = min(lane.window + 1, self.lane_limit) if ok else 1
        lane.doubtful = not ok
        self._doubtful_in_flight += lane.in_flight if lane.doubtful else 0

    def shut(self, names: Iterable[Hashable]) -> list[Work]:
        """Take out, and return, what is queued in these lanes."""
        taken = []
        for name in names:
            lane = self._lanes.get(name)
            if lane is not None and lane.queue:
                taken += [work for work, _by in lane.queue]
                lane.queue.clear()
                self._turns.remove(name)
        self.queued -= len(taken)
        return taken

    def clear(self) -> list[Work]:
        """Take out, and return, all that is queued."""
        return self.shut(list(self._turns))

    def late(self) -> list[Work]:
        """Take out, and return, what has waited for so long that its lease is running out."""
        now, taken = time.monotonic(), []
        for name in list(self._turns):
            queue = self._lanes[name].queue
            while queue and queue[0][1] < now:
                taken.append(queue.popleft()[0])
            if not queue:
                self._turns.remove(name)
        self.queued -= len(taken)
        return taken

    def _doubt_is_full(self) -> bool:
        return self._doubtful_in_flight >= max(1, self.limit // 2)
