"""Who holds a lease: a process that can be asked whether it still lives, when it is a neighbour.

A lease runs out by itself, but that takes a minute. A worker that was killed and started again on
the same machine need not wait for its own predecessor: an owner's name says which process it was.
"""

import hashlib
import os
import secrets
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.orm import Session

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import Email, PushMessage, WebhookDelivery, WebhookEndpoint
from bookstore.models.outbox import is_pending
from bookstore.services import webhook_claims
from bookstore.services.outgoing import LEASE
from bookstore.unit_of_work import new_snapshot, unit_of_work

_abandoned: set[str] = set()

_PLACE, _PID = 12, 8  # characters of an owner's name; the rest is random


def new_owner() -> str:
    """Return a name nobody else has: 32 characters that tell where and which process it is."""
    return f"{_place()}{os.getpid():0{_PID}x}{secrets.token_hex(6)}"


def is_dead(owner: str) -> bool:
    """Whether the owner was a process of this machine (and container) that is gone."""
    if not _place().strip("0") or owner[:_PLACE] != _place():
        return False
    pid = int(owner[_PLACE : _PLACE + _PID], 16)
    try:
        os.kill(pid, 0)
        # "pid (name) state …"; a zombie only waits for somebody to note its end.
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except ProcessLookupError:
        return True
    except OSError:
        # Another user's, or no descriptor left to look with: it may well live.
        return False
    return state in {"Z", "X"}


def abandon(owner: str) -> None:
    """Note that a drain of this process ended without giving back what it had leased."""
    _abandoned.add(owner)


def bury() -> int:
    """Give back what dead neighbours had leased; return how many owners that were.

    So with what drains of this process had to abandon. What was in flight in them is due again
    at once, and may so arrive twice, as after a lease.
    """
    new_snapshot()
    gone = [owner for owner in _owners() if owner in _abandoned or is_dead(owner)]
    for owner in gone:
        with unit_of_work() as session:
            # Endpoints before deliveries, as everybody locks them.
            theirs = (
                select(WebhookEndpoint.id)
                .where(WebhookEndpoint.drained_by == owner)
                .order_by(WebhookEndpoint.id)
                .with_for_update(key_share=True)
            )
            endpoints = session.scalars(theirs).all()
            _give_back(session, WebhookDelivery, owner, WebhookDelivery.endpoint_id.in_(endpoints))
            webhook_claims.let_go(session, owner)
            for table in (Email, PushMessage):
                _give_back(session, table, owner, _is_leased(table))
    _abandoned.clear()
    return len(gone)


def _owners() -> set[str]:
    """Return who holds anything."""
    queries: list[Select[str | None]] = [select(WebhookEndpoint.drained_by)]
    queries += [
        select(table.lease_owner).where(_is_leased(table)) for table in (Email, PushMessage)
    ]
    found = [db.session.scalars(query.distinct()).all() for query in queries]
    return {owner for owners in found for owner in owners if owner is not None}


def _is_leased(table: type[Email] | type[PushMessage]) -> ColumnElement[bool]:
    # Leases end within their length: by that the index finds them, however many rows wait.
    now = clock.now()
    return is_pending(table) & table.next_attempt_at.between(now, now + LEASE)


def _give_back(session: Session, table: Any, owner: str, which: ColumnElement[bool]) -> None:
    now = clock.now()
    session.execute(
        update(table)
        .where(which, is_pending(table), table.lease_owner == owner)
        .values(next_attempt_at=now, lease_owner=None, touched_at=now)
        .execution_options(synchronize_session=False)
    )


@cache
def _place() -> str:
    """Return a digest of this boot of this machine and of the container; zeros if unknown.

    Processes that share it see each other's ids; two containers of one machine do not.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "0" * _PLACE
    return hashlib.sha256(f"{boot}{space}".encode()).hexdigest()[:_PLACE]
