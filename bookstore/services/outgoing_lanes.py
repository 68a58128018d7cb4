"""What one drain has claimed of one channel, lane by lane: who may be sent to next.

Slow start, after TCP: two in flight to a lane at first, one more for each that arrives, one after
a failure, and that one only when the failure is written down (it may have shut the lane). So a
thousand rows for a receiver that hangs hold a thread or two, not all of them; and lanes that failed
last may together have no more than half.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from bookstore.services.outgoing import LEASE, Channel, Work

P = ParamSpec("P")
R = TypeVar("R")

FIRST_WINDOW = 2
# So many times the window is claimed, so that a fast lane need not wait for the next claim.
AHEAD = 8
# What is not under way by then is given back: an attempt must end while the lease still holds.
SEND_BY = LEASE.total_seconds() - 20


def _locked(method: Callable[Concatenate["Lanes", P], R]) -> Callable[Concatenate["Lanes", P], R]:
    @wraps(method)
    def locked(lanes: "Lanes", /, *args: P.args, **kwargs: P.kwargs) -> R:
        with lanes._lock:
            return method(lanes, *args, **kwargs)

    return locked


@dataclass(slots=True)
class _Lane:
    window: int
    doubtful: bool
    in_flight: int = 0
    # Failures that are not yet written down.
    failed: int = 0
    # With the monotonic time by which each must be under way.
    queue: deque[tuple[Work, float]] = field(default_factory=deque)

    @property
    def busy(self) -> int:
        return self.in_flight + len(self.queue)


class Lanes:
    """The lanes of one channel. Safe to use from many threads."""

    def __init__(self, channel: Channel) -> None:
        self._lock = threading.RLock()
        # Nothing is handed out; for when results cannot be written down.
        self.paused = False
        self.lane_limit, self.limit = channel.lane_limit, channel.limit
        # ``unwritten``: ended, but the database does not know.
        self.in_flight = self.queued = self.unwritten = 0
        self._doubtful_in_flight = 0
        self._lanes: dict[Hashable, _Lane] = {}
        # Lanes with something queued, whose turn it is first.
        self._turns: deque[Hashable] = deque()

    @property
    def room(self) -> int:
        """How many more rows may be claimed in all."""
        return AHEAD * self.limit - self.in_flight - self.queued

    @_locked
    def quota(self) -> dict[Hashable, int]:
        """Return how many more rows of each known lane may be claimed."""
        return {name: max(0, AHEAD * lane.window - lane.busy) for name, lane in self._lanes.items()}

    @_locked
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

    @_locked
    def next(self) -> Work | None:
        """Return what is to be sent now, None when nothing may; lanes take turns."""
        if self.paused or self.in_flight >= self.limit:
            return None
        now = time.monotonic()
        for _ in range(len(self._turns)):
            name = self._turns.popleft()
            lane = self._lanes[name]
            # What waited too long is for ``late``: its lease may run out on the way.
            if self._may_send(lane) and lane.queue[0][1] > now:
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

    @_locked
    def ended(self, work: Work, ok: bool) -> None:
        """Note that one is no longer under way, and how it went."""
        lane = self._lanes[work.lane]
        self.in_flight -= 1
        self._doubtful_in_flight -= lane.in_flight if lane.doubtful else 0
        lane.in_flight -= 1
        lane.window = min(lane.window + 1, self.lane_limit) if ok else 1
        lane.doubtful = not ok
        lane.failed += not ok
        self.unwritten += 1
        self._doubtful_in_flight += lane.in_flight if lane.doubtful else 0

    @_locked
    def written(self, done: Iterable[tuple[Work, bool]]) -> None:
        """Note that these are written down; each with whether it went well."""
        for work, ok in done:
            self._lanes[work.lane].failed -= not ok
            self.unwritten -= 1

    @_locked
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

    @_locked
    def clear(self) -> list[Work]:
        """Take out, and return, all that is queued."""
        return self.shut(list(self._turns))

    @_locked
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

    def _may_send(self, lane: _Lane) -> bool:
        if lane.failed or lane.in_flight >= lane.window:
            return False
        return not lane.doubtful or self._doubtful_in_flight < max(1, self.limit // 2)
