"""What leaves the service: the words that channels (webhooks, mail, push) and the loop share.

``draining`` is the loop; ``outgoing_lanes`` says who is next; ``outgoing_upkeep`` sweeps.
"""

import threading
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.orm import Session

# How long a claimed row is left alone. Longer than any attempt with its waiting.
LEASE = timedelta(seconds=60)
# How many rows of a lane are claimed at first: as many as a slow start can be sure to send.
FIRST = 8

stopping = threading.Event()


def stop() -> None:
    """Have this process's drain take nothing new, finish what is in flight, and end; for good."""
    stopping.set()


@dataclass(frozen=True, slots=True)
class Work:
    """One claimed row: everything that sending it needs, so that no thread asks the database.

    ``lane`` is what it is fair between (an endpoint, say); a ``doubtful`` lane failed last time.
    ``traceparent`` is the span in which its event happened.
    """

    id: int
    lane: Hashable
    payload: Any
    leased_until: datetime
    doubtful: bool = False
    traceparent: str | None = None


class Outcome(Protocol):
    """What became of one: ``ok`` when it arrived. The rest is the channel's own."""

    @property
    def ok(self) -> bool:
        """Whether it arrived; a lane that delivers gets more at once, one that fails less."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What was written down: how many ended how (``succeeded``, ``retry``, ``failed`` …; the loop
    adds them to OutcomeCount in the same transaction), lanes that get nothing more now, and what
    could not be written without waiting: to be given to ``finish`` again, while its lease holds."""

    counts: Mapping[str, int]
    shut: Set[Hashable] = frozenset()
    later: Sequence[tuple[Work, Any]] = ()


class Channel(Protocol):
    """One way out: webhooks, mail, push. The loop owns threads and transactions; it knows when.

    ``claim``, ``finish``, ``release`` and ``leave`` run inside a unit of work, in the loop's own
    thread, and must be short. ``send`` runs in one of many threads, without app context and
    without a database.
    """

    name: str
    # Most messages in flight in one lane, and in all, of one process.
    lane_limit: int
    limit: int

    def claim(
        self, session: Session, owner: str, room: int, quota: Mapping[Hashable, int]
    ) -> Sequence[Work]:
        """Lease up to ``room`` due rows to ``owner`` and return them. ``quota`` says how many more
        of each lane that this process has unfinished rows of; a new lane may have ``FIRST``. A
        channel of one lane need not look at it."""

    def send(self, work: Work) -> Outcome:
        """Send one; return its outcome. It never raises."""

    def finish(self, session: Session, owner: str, done: Sequence[tuple[Work, Any]]) -> Finished:
        """Write down outcomes, of rows that are still leased to ``owner`` only."""

    def release(self, session: Session, owner: str, unsent: Sequence[Work]) -> None:
        """Give back what was claimed and not sent."""

    def leave(self, session: Session, owner: str) -> None:
        """Give up whatever else ``owner`` holds; nothing of it is in flight."""
