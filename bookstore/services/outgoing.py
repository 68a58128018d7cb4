"""The drain loop: sends what is due, of every channel, many at once, fairly."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.orm import Session

# How long a claimed row is left alone. Longer than any attempt with its waiting.
LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Work:
    """One claimed row: everything that sending it needs, so that no thread asks the database.

    ``lane`` is what it is fair between (an endpoint, say).
    """

    id: int
    lane: Hashable
    payload: Any
    leased_until: datetime


class Channel(Protocol):
    """One way out: webhooks, mail, push. The loop owns threads and transactions; it knows when.

    ``claim`` and ``finish`` run inside a unit of work, in the loop's own thread, and must be
    short. ``send`` runs in one of many threads, without app context and without a database.
    """

    name: str
    # Most messages in flight in one lane, and in all, of one process.
    lane_limit: int
    limit: int

    def claim(
        self, session: Session, owner: str, room: int, busy: Mapping[Hashable, int]
    ) -> Sequence[Work]:
        """Lease up to ``room`` due rows to ``owner`` and return them; ``busy`` counts, for each
        lane, what this process has claimed of it and not finished."""

    def send(self, work: Work) -> Any:
        """Send one; return its outcome (the channel's own type). It never raises."""

    def finish(self, session: Session, owner: str, done: Sequence[tuple[Work, Any]]) -> None:
        """Write down outcomes, of rows that are still leased to ``owner`` only."""

    def release(self, session: Session, owner: str, unsent: Sequence[Work]) -> None:
        """Give back what was claimed and not sent."""
