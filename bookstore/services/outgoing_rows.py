"""What mail and push share: leasing due rows, and writing down what became of each."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from bookstore import clock, jitter
from bookstore.models import Email, OutcomeCount, PushMessage
from bookstore.models.outbox import FAILED, PENDING, SKIPPED, SUCCEEDED, is_pending
from bookstore.services.outgoing import LEASE, Work
from bookstore.services.sql import upsert

Table = type[Email] | type[PushMessage]

# How long after the attempt before; the first comes at once.
SCHEDULE = tuple(
    timedelta(seconds=seconds) for seconds in (0, 30, 120, 600, 3600, 10_800, 28_800, 86_400)
)
JITTER = 0.2
LONGEST_WAIT = timedelta(hours=24)
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: ``succeeded``, ``retry`` (may heal), ``failed`` or ``skipped``.

    ``wait`` is how many seconds the other side asked us to wait; ``error`` is shown to staff,
    so no secret may stand in it.
    """

    kind: Literal["succeeded", "retry", "failed", "skipped"]
    error: str | None = None
    wait: float | None = None

    @property
    def ok(self) -> bool:
        """Whether it arrived."""
        return self.kind == "succeeded"


def lease(session: Session, table: Table, owner: str, room: int) -> tuple[list[int], datetime]:
    """Lease up to ``room`` due rows to ``owner``, the oldest first; return (ids, until when).

    Rows that another worker is just leasing are passed over, not waited for.
    """
    now = clock.now()
    due = (
        select(table.id)
        .where(is_pending(table), table.next_attempt_at <= now)
        .order_by(table.next_attempt_at)
        .limit(room)
        .with_for_update(skip_locked=True, key_share=True)
    )
    ids = list(session.scalars(due))
    until = now + LEASE
    if ids:
        session.execute(
            update(table)
            .where(table.id.in_(ids))
            .values(next_attempt_at=until, lease_owner=owner, touched_at=now)
            .execution_options(synchronize_session=False)
        )
    return ids, until


def claim(
    session: Session,
    table: Table,
    owner: str,
    room: int,
    lane: str,
    write: Callable[[list[int]], Iterable[tuple[int, Any]]],
) -> list[Work]:
    """Lease up to ``room`` due rows and return them with what is to be sent.

    ``write`` turns row ids into (row id, message); an ``Outcome`` in place of the message ends
    that row here and now, and another takes its place.
    """
    claimed: list[Work] = []
    while len(claimed) < room:
        ids, until = lease(session, table, owner, room - len(claimed))
        if not ids:
            break
        done: list[tuple[Work, Outcome]] = []
        for row_id, message in write(ids):
            parent = getattr(message, "traceparent", None)
            work = Work(row_id, lane, message, until, traceparent=parent)
            if isinstance(message, Outcome):
                done.append((work, message))
            else:
                claimed.append(work)
        count_outcomes(session, lane, finish(session, table, owner, done))
    return claimed


def finish(
    session: Session, table: Table, owner: str, done: Sequence[tuple[Work, Outcome]]
) -> Counter[str]:
    """Write down outcomes, of rows that ``owner`` still has under that lease; return how many
    ended how.

    A row that may heal is due again as ``SCHEDULE`` says, later if the other side asked for it;
    after the last attempt it has failed.
    """
    now = clock.now()
    outcomes = {work.id: (work, outcome) for work, outcome in done}
    # In the order of their ids, as everybody locks rows.
    held = session.execute(
        select(table.id, table.attempts, table.next_attempt_at)
        .where(table.id.in_(outcomes), table.status == PENDING, table.lease_owner == owner)
        .order_by(table.id)
        .with_for_update(key_share=True)
    ).all()
    changes, counts = [], Counter[str]()
    for row in held:
        work, outcome = outcomes[row.id]
        if row.next_attempt_at == work.leased_until:
            change = _change(row.attempts, outcome, now)
            changes.append({"row_id": row.id, **change})
            counts["retry" if change["status"] == PENDING else change["status"]] += 1
    if changes:
        rows = table.__table__
        changing = rows.update().where(rows.c.id == bindparam("row_id"))
        session.connection().execute(changing, changes)
    return counts


def _change(attempts: int, outcome: Outcome, now: datetime) -> dict[str, Any]:
    attempts += outcome.kind != "skipped"
    status = {"succeeded": SUCCEEDED, "skipped": SKIPPED}.get(outcome.kind, FAILED)
    due = now
    if outcome.kind == "retry" and attempts < len(SCHEDULE):
        status, due = PENDING, now + _wait(attempts, outcome.wait)
    return {
        "status": status,
        "attempts": attempts,
        "next_attempt_at": due,
        "lease_owner": None,
        "touched_at": now,
        "last_error": outcome.error and outcome.error[:_LONGEST_ERROR],
        "finished_at": None if status == PENDING else now,
    }


def _wait(attempts: int, asked: float | None) -> timedelta:
    asked = min(asked or 0, LONGEST_WAIT.total_seconds())
    return max(jitter.spread(SCHEDULE[attempts], JITTER), timedelta(seconds=asked))


def release(session: Session, table: Table, owner: str, unsent: Sequence[Work]) -> None:
    """Make rows that were claimed and not sent due at once."""
    now = clock.now()
    session.execute(
        update(table)
        .where(
            table.id.in_([work.id for work in unsent]),
            table.status == PENDING,
            table.lease_owner == owner,
        )
        .values(next_attempt_at=now, lease_owner=None, touched_at=now)
        .execution_options(synchronize_session=False)
    )


def count_outcomes(session: Session, channel: str, counts: Counter[str]) -> None:
    """Add to the channel's counts, in the transaction that writes the outcomes."""
    for outcome, n in sorted(counts.items()):
        adding = upsert(session, OutcomeCount).values(channel=channel, outcome=outcome, count=n)
        session.execute(
            adding.on_conflict_do_update(
                index_elements=["channel", "outcome"],
                set_={"count": OutcomeCount.count + adding.excluded.count},
            )
        )
