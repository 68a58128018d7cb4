"""Reading the audit log."""

from datetime import datetime

from sqlalchemy import select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import AuditEntry
from bookstore.services import paging
from bookstore.services.actors import Acting, require_staff
from bookstore.services.paging import Order, Page, PageRequest


def list_entries(
    actor: Acting,
    page: PageRequest,
    *,
    by: str | None = None,
    action: str | None = None,
    target: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Page:
    """Return one page of what staff did, newest first.

    Args:
        actor: staff.
        page: which.
        by: only of the actor with this label, such as ``staff:7``.
        action: only this one, such as ``coupons.create_coupon``.
        target: only about a kind of thing, ``order``, or about one, ``order:5``.
        since: from this instant on.
        until: up to and without this instant.

    Raises:
        Forbidden: not staff.
    """
    require_staff(actor)
    query = select(AuditEntry.id, AuditEntry)
    if by is not None:
        query = query.where(AuditEntry.actor == by)
    if action is not None:
        query = query.where(AuditEntry.action == action)
    if target is not None:
        kind, named, key = target.partition(":")
        query = query.where(AuditEntry.target_kind == kind)
        if named:
            query = query.where(AuditEntry.target_id == key)
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    if until is not None:
        query = query.where(AuditEntry.at < until)
    order = Order("-created", AuditEntry.id, AuditEntry.id, True, paging.parse_int)
    found = paging.fetch(db.session(), query, order, page)
    return found.of([row[1] for row in found.data])


def get(actor: Acting, entry_id: int) -> AuditEntry:
    """Return one entry.

    Raises:
        Forbidden: not staff.
        NotFound: there is none.
    """
    require_staff(actor)
    entry = db.session.get(AuditEntry, entry_id)
    if entry is None:
        raise errors.NotFound(f"There is no entry {entry_id} in the audit log.")
    return entry
