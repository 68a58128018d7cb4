"""A request that shows an API key: whom it acts for, and when it was last used."""

import hmac
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.models import ApiKey, User
from bookstore.models.accounts import actor_label
from bookstore.services import api_key_text
from bookstore.services.actors import Actor
from bookstore.unit_of_work import unit_of_work

# How exact the last use is, and how often it is written down at most.
USE_EVERY = timedelta(minutes=1)
# Compared with when there is nothing else, so that all refusals take the same time.
_NOBODY = api_key_text.digest("nobody")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a key acts for.

    ``ends`` is when the key will no longer be good, if that is known; ``is_use_due``: its last
    use is to be written down, by ``note_use``.
    """

    actor: Actor
    ends: datetime | None
    is_use_due: bool


def authenticate(key: str) -> Caller:
    """Return who a key acts for, as the database knows them now (one statement).

    Nothing but the right secret is told more than that the key is not valid.

    Raises:
        ApiKeyInvalid: there is no such key, or its owner is gone.
        ApiKeyRevoked, ApiKeyExpired: it was good once.
    """
    prefix = api_key_text.prefix_of(key)
    if prefix is None:
        raise errors.ApiKeyInvalid
    row = db.session.execute(
        select(
            *(ApiKey.id, ApiKey.digest, ApiKey.previous_digest, ApiKey.previous_until),
            *(ApiKey.version, ApiKey.scopes, ApiKey.is_service),
            *(ApiKey.expires_at, ApiKey.last_used_at, ApiKey.revoked_at),
            *(User.id.label("user_id"), User.is_staff, User.is_premium, User.is_active),
        )
        .join(User, User.id == ApiKey.user_id)
        .where(ApiKey.prefix == prefix)
    ).first()
    given = api_key_text.digest(key)
    is_current = hmac.compare_digest(given, row.digest if row else _NOBODY)
    is_previous = hmac.compare_digest(given, (row.previous_digest if row else None) or _NOBODY)
    if row is None or not (is_current or is_previous) or not row.is_active:
        raise errors.ApiKeyInvalid
    now = clock.now()
    if row.revoked_at is not None or not (is_current or row.previous_until > now):
        raise errors.ApiKeyRevoked
    if row.expires_at is not None and row.expires_at <= now:
        raise errors.ApiKeyExpired
    actor = Actor(
        row.user_id,
        f"{actor_label(row.user_id, row.is_staff)} by key:{row.id}",
        row.is_staff,
        row.is_premium,
        key_id=row.id,
        key_version=row.version if is_current else row.version - 1,
        scopes=frozenset(row.scopes),
        is_service=row.is_service,
    )
    ends = [row.expires_at] if is_current else [row.expires_at, row.previous_until]
    return Caller(
        actor,
        min((end for end in ends if end is not None), default=None),
        row.last_used_at is None or row.last_used_at <= now - USE_EVERY,
    )


def note_use(key_id: int) -> None:
    """Write down that a key was used, unless somebody did within a minute; never raise for it."""
    now = clock.now()
    due = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= now - USE_EVERY)
    try:
        with unit_of_work() as session:
            session.execute(
                update(ApiKey)
                .where(ApiKey.id == key_id, due)
                .values(last_used_at=now)
                .execution_options(synchronize_session=False)
            )
    except SQLAlchemyError as error:
        log.warning("use of a key not written down", extra={"why": type(error).__name__})


def standing(logins: list[str]) -> dict[str, bool]:
    """Return which of these ``Actor.login`` still stand, each with whether it is staff's."""
    ids = {int(login.split(":")[1]) for login in logins}
    now, found = clock.now(), {}
    for row in db.session.execute(
        select(ApiKey.id, ApiKey.version, ApiKey.previous_until, User.is_staff)
        .join(User, User.id == ApiKey.user_id)
        .where(
            ApiKey.id.in_(ids),
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
            User.is_active,
        )
    ):
        found[f"key:{row.id}:{row.version}"] = row.is_staff
        if row.previous_until is not None and row.previous_until > now:
            found[f"key:{row.id}:{row.version - 1}"] = row.is_staff
    return found
