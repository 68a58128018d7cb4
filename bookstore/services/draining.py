"""The drain loop: sends what is due, of every channel, many at once, fairly.

One thread claims rows, hands them to a pool, and writes down what became of them, in batches: one
short transaction a channel every few milliseconds, however many ended meanwhile. A window slides
over the backlog; nothing waits for the slowest of a batch.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Queue
from typing import Any

from sqlalchemy.exc import DBAPIError, TimeoutError as PoolTimeout

from bookstore import traces
from bookstore.gateways import queue as alarm
from bookstore.services import outgoing_owners
from bookstore.services.outgoing import LEASE, Channel, Finished, Work, stopping
from bookstore.services.outgoing_lanes import Lanes
from bookstore.services.outgoing_rows import count_outcomes
from bookstore.unit_of_work import unit_of_work

log = logging.getLogger(__name__)

# A drain ends by itself well before RQ would end it; what is left has the next one woken.
DRAIN_SECONDS = 120.0
# How long results may wait for others to be written with, and how many make it worth it at once.
BATCH_SECONDS, BATCH = 0.05, 64
# While something is in flight: how often to ask whether there is news, and to look regardless.
POLL_SECONDS, WOKEN_SECONDS, LOOK_SECONDS = 0.02, 0.1, 1.0
# A queue that takes longer than this to answer is left alone for a while.
SLOW_POLL, POLL_PAUSE = 0.1, 2.0
# While the database is away.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

Result = tuple["_Line", Work, Any]


def drain(channels: Sequence[Channel], *, seconds: float = DRAIN_SECONDS) -> None:
    """Send everything that is due, and what becomes due meanwhile; return when nothing is left.

    Returns early after so many seconds, when told to (``outgoing.stop``), or when the database
    is away. What is in flight is always waited for and written down; if that cannot be done while
    its lease holds, it will be sent again. Needs an app context.
    """
    # First the mark, then the look: what is committed later sets it anew and wakes us again.
    alarm.woken()
    if not _Loop(channels, time.monotonic() + seconds).run():
        alarm.wake()


class _Loop:
    def __init__(self, channels: Sequence[Channel], until: float) -> None:
        self.until = until
        self.owner = outgoing_owners.new_owner()
        # No SimpleQueue: a signal whose handler outlasts the timeout makes its get wait for ever
        # (CPython 3.11), and the worker then never stops.
        self.results: Queue[Result] = Queue()
        self.lines = [_Line(channel, self.owner) for channel in channels]
        self.next_poll = 0.0

    def run(self) -> bool:
        """Run to the end; return whether nothing was left to do."""
        threads = sum(line.channel.limit for line in self.lines)
        with ThreadPoolExecutor(threads, thread_name_prefix="send") as pool:
            while True:
                over = stopping.is_set() or time.monotonic() > self.until
                woken = self._news()
                for line in self.lines:
                    line.tend(woken=woken, ending=over)
                    self._hand_out(line, pool)
                if all(line.idle for line in self.lines):
                    return not over
                self._collect()

    def _hand_out(self, line: "_Line", pool: ThreadPoolExecutor) -> None:
        while (work := line.lanes.next()) is not None:
            pool.submit(_send, line, work, self.results)

    def _collect(self) -> None:
        try:
            line, work, outcome = self.results.get(timeout=POLL_SECONDS)
            while True:
                line.ended(work, outcome)
                line, work, outcome = self.results.get_nowait()
        except Empty:
            pass

    def _news(self) -> bool:
        """Whether somebody woke us; asked only while threads are busy and tables were empty."""
        now = time.monotonic()
        if now < self.next_poll or not any(line.lanes.in_flight for line in self.lines):
            return False
        found = alarm.marked()
        took = time.monotonic() - now
        self.next_poll = now + took + (POLL_PAUSE if took > SLOW_POLL else POLL_SECONDS)
        return found


def _send(line: "_Line", work: Work | None, results: "Queue[Result]") -> None:
    """Send one, and then the next: so threads go on while the loop's own writes to the database."""
    while work is not None:
        outcome: Any
        try:
            outcome = _traced(line.channel, work)
        except Exception as error:
            # It should not have; the row stays leased and is tried again when that has run out.
            log.exception("sending failed", extra={"channel": line.channel.name, "row": work.id})
            outcome = error
        line.lanes.ended(work, _went_well(outcome))
        results.put((line, work, outcome))
        work = line.lanes.next()


def _traced(channel: Channel, work: Work) -> Any:
    """Send one, as a part of the trace in which its event happened."""
    about: dict[str, traces.Value] = {"bookstore.row_id": work.id}
    with traces.span(f"send {channel.name}", "producer", about, parent=work.traceparent) as span:
        outcome = channel.send(work)
        if isinstance(status := getattr(outcome, "status", None), int):
            span.set("http.response.status_code", status)
        if not outcome.ok:
            span.failed(getattr(outcome, "kind", None) or str(status or "no answer"))
        return outcome


def _went_well(outcome: Any) -> bool:
    return not isinstance(outcome, Exception) and bool(outcome.ok)


class _Line:
    """One channel in one drain: its lanes, and what is to be written down."""

    def __init__(self, channel: Channel, owner: str) -> None:
        self.channel, self.owner, self.lanes = channel, owner, Lanes(channel)
        self.done: list[tuple[Work, Any]] = []
        self.unsent: list[Work] = []
        self.last_turn = self.last_look = float("-inf")
        # ``holds``: something was claimed, so there may be something to leave. ``looked``: since
        # then the table was seen empty.
        self.holds = self.looked = self.ending = self.dead = False
        self.failing_since: float | None = None
        self.retry_at = self.pause = 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing is left to do here."""
        return self.dead or (not (self.busy or self.holds) and (self.looked or self.ending))

    @property
    def busy(self) -> bool:
        """Whether something is claimed and not yet written down."""
        lanes = self.lanes
        return bool(lanes.in_flight or lanes.queued or lanes.unwritten or self.unsent)

    def ended(self, work: Work, outcome: Any) -> None:
        """Note what became of one."""
        if isinstance(outcome, Exception):
            self.lanes.written([(work, False)])
        elif not self.dead:
            self.done.append((work, outcome))

    def tend(self, *, woken: bool, ending: bool) -> None:
        """Write and claim, if it is time to. When ending, only give back and write."""
        now = time.monotonic()
        self.ending = ending
        self.unsent += self.lanes.clear() if ending else self.lanes.late()
        if self.dead or now < self.retry_at:
            return
        waited = now - self.last_turn
        write = bool(self.done or self.unsent) and (
            waited >= BATCH_SECONDS or len(self.done) >= BATCH or not self.lanes.in_flight
        )
        look = not ending and (
            write or (woken and waited >= WOKEN_SECONDS) or now - self.last_look >= LOOK_SECONDS
        )
        # Nothing was there any more: let go of lanes, and look once more, since nobody else
        # could send what came into ours meanwhile.
        leave = self.holds and not self.busy and (self.looked or ending)
        if write or look or leave:
            self._try(look and self.failing_since is None, leave, now)

    def _try(self, look: bool, leave: bool, now: float) -> None:
        try:
            self._turn(look, leave, now)
        except (DBAPIError, PoolTimeout) as error:
            self._database_away(error, now)
        except Exception:
            # A mistake in one channel must not stop the others; its leases run out.
            log.exception("channel given up", extra={"channel": self.channel.name})
            self._die()
        else:
            self.failing_since, self.pause, self.lanes.paused = None, 0.0, False

    def _turn(self, look: bool, leave: bool, now: float) -> None:
        claimed: Sequence[Work] = ()
        finished = Finished({})
        look = look and not leave and self.lanes.room > 0
        with unit_of_work() as session:
            if self.done:
                finished = self.channel.finish(session, self.owner, self.done)
            if self.unsent:
                self.channel.release(session, self.owner, self.unsent)
            if leave:
                self.channel.leave(session, self.owner)
            if look:
                claimed = self.channel.claim(
                    session, self.owner, self.lanes.room, self.lanes.quota()
                )
            # Last, since all workers meet in these rows.
            count_outcomes(session, self.channel.name, Counter(finished.counts))
        later = {work.id for work, _ in finished.later}
        self.lanes.written(
            (work, _went_well(outcome)) for work, outcome in self.done if work.id not in later
        )
        self.done, self.unsent = list(finished.later), self.lanes.shut(finished.shut)
        self.last_turn = now
        if leave:
            self.holds = self.looked = False
            self.last_look = float("-inf")
        if look:
            self.last_look = now
            self.looked = not claimed
            self.holds = self.holds or bool(claimed)
            self.lanes.add(claimed, now)

    def _database_away(self, error: Exception, now: float) -> None:
        self.failing_since = self.failing_since or now
        about = {"channel": self.channel.name, "why": str(error.__cause__ or error)}
        if not self.busy:
            log.warning("drain ended, the database is away", extra=about)
            self._die()
        elif now - self.failing_since > LEASE.total_seconds():
            results = len(self.done)
            log.error("results lost, the database is away", extra={**about, "results": results})
            self._die()
        else:
            # What was sent is worth remembering: else it is sent twice.
            self.lanes.paused = True
            self.pause = min(max(2 * self.pause, FIRST_PAUSE), LONGEST_PAUSE)
            self.retry_at = now + self.pause
            log.warning("not written, trying again", extra={**about, "in": self.pause})

    def _die(self) -> None:
        outgoing_owners.abandon(self.owner)
        self.lanes.clear()
        self.done, self.unsent, self.dead = [], [], True
