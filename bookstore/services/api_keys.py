"""API keys of a user's, by which programs act for them: made, shown once, rotated, revoked."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select, true
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.gateways import pubsub
from bookstore.models import ApiKey, User
from bookstore.services import api_key_text, batches
from bookstore.services.actors import SYSTEM, Acting, require_user
from bookstore.services.scopes import require_grantable
from bookstore.unit_of_work import collect_after_commit, unit_of_work

MOST_KEYS = 25
LONGEST_GRACE = timedelta(days=7)
# Revoked and expired keys stay for a while: somebody may ask which one it was.
FORGOTTEN_AFTER = timedelta(days=30)
_BATCH = 1000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """A key with its text, which is in nobody's hands but the caller's."""

    row: ApiKey
    key: str = field(repr=False)


def create(
    owner: Acting,
    name: str,
    scopes: list[str],
    expires_at: datetime | None = None,
    *,
    is_service: bool = False,
) -> Shown:
    """Make a key that acts for its owner.

    Args:
        owner: who makes it, and for whom it acts.
        name: for people.
        scopes: what it may do of what its owner may.
        expires_at: from when on it is no longer good; None: never.
        is_service: it stands for a program of the shop's own, and has no rate limit.

    Raises:
        Invalid: a scope that there is not, or that the owner could not use; a time that is past.
        ApiKeyLimit: the owner has ``MOST_KEYS``.
    """
    user_id = require_user(owner)
    require_grantable(owner, scopes)
    _require_future(expires_at)
    prefix = api_key_text.new_prefix()
    key = api_key_text.new_key(prefix)
    with unit_of_work() as session:
        # One at a time, so that the limit holds; also keeps the account from going meanwhile.
        alive = select(User.id).where(User.id == user_id, User.is_active)
        if session.scalar(alive.with_for_update(key_share=True)) is None:
            raise errors.Unauthenticated
        held = select(func.count()).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
        if (session.scalar(held) or 0) >= MOST_KEYS:
            raise errors.ApiKeyLimit
        row = ApiKey(
            user_id=user_id,
            name=name,
            prefix=prefix,
            digest=api_key_text.digest(key),
            version=1,
            scopes=sorted(set(scopes)),
            is_service=is_service,
            expires_at=expires_at,
        )
        session.add(row)
        session.flush()
    log.info("API key made", extra={"key": prefix, "owner": user_id, "scopes": row.scopes})
    return Shown(row, key)


def list_keys(actor: Acting, *, revoked: bool = False) -> list[ApiKey]:
    """Return the actor's keys (the system's: all), newest first; the revoked ones if asked."""
    query = select(ApiKey).where(_visible(actor)).order_by(ApiKey.id.desc())
    if not revoked:
        query = query.where(ApiKey.revoked_at.is_(None))
    return list(db.session.scalars(query))


def rotate(
    actor: Acting,
    key_id: int,
    *,
    grace_seconds: int = 0,
    expires_at: datetime | None = None,
) -> Shown:
    """Give a key a new secret; id, prefix, name and scopes stay.

    Args:
        actor: the owner, or the system.
        key_id: which.
        grace_seconds: for how long the old secret is good as well; 0: it dies at once. The one
            before it dies in any case.
        expires_at: a new end; None keeps the old one.

    Raises:
        NotFound: there is none, it is another's, or it is revoked.
        Invalid: more grace than ``LONGEST_GRACE``; an end that is past.
    """
    grace = timedelta(seconds=grace_seconds)
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        most = int(LONGEST_GRACE.total_seconds())
        raise errors.Invalid({"grace_seconds": [f"Must be from 0 to {most}."]})
    _require_future(expires_at)
    with unit_of_work() as session:
        row = _locked(session, actor, key_id)
        now = clock.now()
        if expires_at is None and row.state == "expired":
            raise errors.Invalid({"expires_at": ["The key has expired: say until when it is."]})
        key = api_key_text.new_key(row.prefix)
        row.previous_digest = row.digest
        # What has expired does not come back to life.
        row.previous_until = min(now + grace, row.expires_at or now + grace)
        row.digest = api_key_text.digest(key)
        row.version += 1
        row.expires_at = expires_at or row.expires_at
        session.flush()
        collect_after_commit(pubsub.logins_changed, row.user_id)
    log.info("API key rotated", extra={"key": row.prefix, "owner": row.user_id})
    return Shown(row, key)


def revoke(actor: Acting, key_id: int) -> None:
    """Revoke a key of the actor's (the system's: any): the next request with it is refused.

    Raises:
        NotFound: there is none, it is another's, or it is revoked.
    """
    with unit_of_work() as session:
        row = _locked(session, actor, key_id)
        row.revoked_at = clock.now()
        session.flush()
        collect_after_commit(pubsub.logins_changed, row.user_id)
    log.info("API key revoked", extra={"key": row.prefix, "owner": row.user_id})


def find(reference: str) -> int:
    """Return the id of the key with this prefix or id, for people who type.

    Raises:
        NotFound: there is none.
    """
    which = ApiKey.prefix == reference
    if reference.isdecimal() and len(reference) < 19:
        which = which | (ApiKey.id == int(reference))
    found = db.session.scalar(select(ApiKey.id).where(which))
    if found is None:
        raise errors.NotFound(f"There is no API key {reference}.")
    return found


# -- with the account, and with time ------------------------------------------------------------
def export(actor: Acting) -> list[ApiKey]:
    """Return all keys of the actor's that there is anything about, newest first."""
    return list_keys(actor, revoked=True)


def forget(session: Session, user_id: int) -> None:
    """Delete a user's keys, as part of the account's end."""
    mine = delete(ApiKey).where(ApiKey.user_id == user_id)
    session.execute(mine.execution_options(synchronize_session=False))
    collect_after_commit(pubsub.logins_changed, user_id)


def forget_old() -> int:
    """Delete keys that have been revoked or expired for long; return how many."""
    before = clock.now() - FORGOTTEN_AFTER
    over = or_(ApiKey.revoked_at < before, ApiKey.expires_at < before)
    some = select(ApiKey.id).where(over).limit(_BATCH)
    return batches.until_fewer(
        _BATCH,
        lambda session: batches.rowcount(session, delete(ApiKey).where(ApiKey.id.in_(some), over)),
    )


def _visible(actor: Acting) -> ColumnElement[bool]:
    return true() if actor is SYSTEM else ApiKey.user_id == require_user(actor)


def _locked(session: Session, actor: Acting, key_id: int) -> ApiKey:
    row = session.scalar(
        select(ApiKey)
        .where(ApiKey.id == key_id, _visible(actor), ApiKey.revoked_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise errors.NotFound(f"There is no API key {key_id}.")
    return row


def _require_future(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= clock.now():
        raise errors.Invalid({"expires_at": ["Must be in the future."]})
