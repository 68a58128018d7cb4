"""Events as they were stored, in an order in which none ever appears behind a reader.

A receiver that was away asks for all that came after the last one it saw. Ids would not do on
PostgreSQL: they are given out before commits, so a reader could pass over an event that is
committed a moment later with a lower id. Each event knows the transaction that wrote it; read
in the order (transaction, id), and only below the oldest transaction that still runs, what has
been passed is complete. (SQLite writes one transaction after the other: ids are that order.)
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    cast,
    false,
    func,
    literal,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Event
from bookstore.services import batches
from bookstore.services.actors import Acting, require_staff
from bookstore.services.event_types import types_of
from bookstore.unit_of_work import new_snapshot, unit_of_work

log = logging.getLogger(__name__)

_LOCK, _BATCH = 7266640, 5000
_ID = re.compile(r"evt_[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some events one after the other: their stored bytes, whether there are more by now, and
    where to go on (the last one's public id; the place asked for when nothing came after it)."""

    bodies: Sequence[bytes]
    has_more: bool
    next_after: str | None


def read(
    actor: Acting, *, after: str | None = None, limit: int = 20, pattern: str | None = None
) -> Stretch:
    """Return the events after one, oldest first.

    What is newer than a transaction that still runs is not shown yet; ask again.

    Args:
        actor: staff.
        after: public id of the last event that is known; None to start at the first.
        limit: how many at most.
        pattern: only of this type (``order.paid``) or family (``order.*``).

    Raises:
        Forbidden: not staff.
        Invalid: naming ``after`` (no such event, or it was too old to be kept) or ``type``.
    """
    require_staff(actor)
    new_snapshot()
    session = db.session()
    query = select(Event.public_id, Event.body).where(_settled(session))
    if pattern is not None:
        wanted = types_of([pattern])
        if not wanted:
            raise errors.Invalid({"type": [f"There is no event type {pattern}."]})
        query = query.where(Event.type.in_(wanted))
    if after is not None:
        place = session.execute(
            select(Event.transaction_id, Event.id).where(Event.public_id == after)
        ).first()
        if place is None:
            message = "There is no such event; events are kept for 90 days."
            raise errors.Invalid({"after": [message]})
        mark = tuple_(literal(place.transaction_id, BigInteger), literal(place.id, BigInteger))
        query = query.where(tuple_(Event.transaction_id, Event.id) > mark)
    query = query.order_by(Event.transaction_id, Event.id).limit(limit + 1)
    rows = session.execute(query).all()
    shown = rows[:limit]
    last = shown[-1].public_id if shown else after
    return Stretch([row.body for row in shown], len(rows) > limit, last)


def get(actor: Acting, public_id: str) -> bytes:
    """Return the bytes of one event, as they are signed and sent.

    Raises:
        Forbidden: not staff.
        NotFound: there is none, or no longer.
    """
    require_staff(actor)
    body = None
    if _ID.fullmatch(public_id):
        body = db.session.scalar(select(Event.body).where(Event.public_id == public_id))
    if body is None:
        raise errors.NotFound("There is no such event; events are kept for 90 days.")
    return body


def repair_order() -> int:
    """Keep the order readable in a database that was restored from another server's dump.

    Transactions are numbered by the server. Numbers above those of this server would stay
    unreadable for long, and its own new ones would come before them. All are moved below zero:
    their order stays as it was, and whatever is new comes after them.

    Some at a time, so that no statement takes too long, but in one transaction: half of them
    moved would be an order in which events appear behind a reader. (Nothing newer than it is
    shown while it runs.)

    Returns:
        How many events were moved; 0 unless the database has come from elsewhere, and while
        another process is at it.
    """
    with unit_of_work() as session:
        if not _alone(session):
            return 0
        highest = session.scalar(select(func.max(Event.transaction_id)).where(_foreign(session)))
        if highest is None:
            return 0
        newest = session.scalar(select(func.max(Event.id)))

        def some(session: Session, stretch: ColumnElement[bool]) -> int:
            moved = update(Event).where(stretch)
            moved = moved.values(transaction_id=Event.transaction_id - highest)
            return batches.rowcount(session, moved)

        count = batches.by_ids(_BATCH, Event.id, some, Event.id <= newest)
    log.warning("events of another server put in order", extra={"events": count})
    return count


def _settled(session: Session) -> ColumnElement[bool]:
    """Whether every transaction up to an event's has ended."""
    if session.get_bind().dialect.name != "postgresql":
        return true()
    oldest = func.pg_snapshot_xmin(func.pg_current_snapshot())
    return Event.transaction_id < cast(cast(oldest, Text), BigInteger)


def _alone(session: Session) -> bool:
    """Whether no other process repairs the order; none will until the transaction ends."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))))


def _foreign(session: Session) -> ColumnElement[bool]:
    """Whether an event's transaction cannot have been one of this server."""
    if session.get_bind().dialect.name != "postgresql":
        return false()
    following = func.pg_snapshot_xmax(func.pg_current_snapshot())
    return Event.transaction_id >= cast(cast(following, Text), BigInteger)
