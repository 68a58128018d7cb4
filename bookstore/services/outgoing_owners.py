"""Who holds a lease: a process that can be asked whether it still lives, when it is a neighbour.

A lease runs out by itself, but that takes a minute. A worker that was killed and started again on
the same machine need not wait for its own predecessor: an owner's name says which process it was.
"""

import hashlib
import os
import secrets
from functools import cache
from pathlib import Path

from sqlalchemy import select, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import WebhookDelivery, WebhookEndpoint
from bookstore.models.outbox import is_pending
from bookstore.services import webhook_claims
from bookstore.unit_of_work import new_snapshot, unit_of_work

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
        # "pid (name) state …"; a zombie only waits for somebody to note its end.
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return True
    return state in {"Z", "X"}


def bury() -> int:
    """Give back what dead neighbours had leased of endpoints; return how many owners that were.

    What was in flight in them is due again at once, and may so arrive twice, as after a lease.
    """
    new_snapshot()
    held = select(WebhookEndpoint.drained_by).where(WebhookEndpoint.drained_by.is_not(None))
    owners = db.session.scalars(held.distinct()).all()
    dead = [owner for owner in owners if owner is not None and is_dead(owner)]
    for owner in dead:
        with unit_of_work() as session:
            now = clock.now()
            theirs = select(WebhookEndpoint.id).where(WebhookEndpoint.drained_by == owner)
            session.execute(
                update(WebhookDelivery)
                .where(
                    WebhookDelivery.endpoint_id.in_(session.scalars(theirs).all()),
                    is_pending(WebhookDelivery),
                    WebhookDelivery.lease_owner == owner,
                )
                .values(next_attempt_at=now, lease_owner=None, touched_at=now)
                .execution_options(synchronize_session=False)
            )
            webhook_claims.let_go(session, owner)
    return len(dead)


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
