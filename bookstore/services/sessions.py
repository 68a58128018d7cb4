"""Logins that last: a session is a family of refresh tokens of which the newest is good."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.gateways import pubsub
from bookstore.models import LoginSession, User
from bookstore.services import reading
from bookstore.services.actors import Acting, require_user
from bookstore.unit_of_work import collect_after_commit, unit_of_work

REFRESH_LIFETIME = timedelta(days=30)
USER_AGENT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Login:
    """A login: who, by which session (token family), and the id of its good refresh token."""

    user_id: int
    session_id: str
    refresh_jti: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a login came from, as far as is known: a program's name and a network address."""

    user_agent: str = ""
    address: str | None = None


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as its owner sees it; ``current`` is the one that asks."""

    id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    user_agent: str
    address: str | None
    current: bool
    revoked_at: datetime | None = None


def start(
    session: Session, user_id: int, origin: Origin, lasts: timedelta = REFRESH_LIFETIME
) -> Login:
    """Open a session of a user who has shown who they are, for so long unless it is refreshed."""
    now = clock.now()
    made = LoginSession(
        id=str(uuid.uuid4()),
        user_id=user_id,
        refresh_jti=str(uuid.uuid4()),
        created_at=now,
        last_used_at=now,
        expires_at=now + lasts,
        # A NUL and the like are for no column and no screen.
        user_agent="".join(c for c in origin.user_agent if c.isprintable())[:USER_AGENT_LENGTH],
        address=origin.address,
    )
    session.add(made)
    reading.concerns(user_id)
    return Login(user_id, made.id, made.refresh_jti)


def refresh(session_id: str, refresh_jti: str) -> Login:
    """Exchange the family's newest refresh token for the next.

    Raises:
        TokenReused: it was exchanged before; the whole family is revoked.
        TokenRevoked: the family is revoked or expired, or the account is gone.
    """
    now, fresh = clock.now(), str(uuid.uuid4())
    with unit_of_work() as session:
        user_id = session.execute(
            update(LoginSession)
            .where(
                LoginSession.id == session_id,
                LoginSession.refresh_jti == refresh_jti,
                *_open(now),
                LoginSession.user_id.in_(select(User.id).where(User.is_active)),
            )
            .values(refresh_jti=fresh, last_used_at=now, expires_at=now + REFRESH_LIFETIME)
            .returning(LoginSession.user_id)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        if user_id is not None:
            return Login(user_id, session_id, fresh)
        known = session.execute(
            select(LoginSession.refresh_jti, LoginSession.revoked_at).where(
                LoginSession.id == session_id
            )
        ).first()
        reused = known is not None and known.refresh_jti != refresh_jti
        if reused:
            revoke(session, LoginSession.id == session_id, "refresh token reused")
    # Raised outside: the revocation has to be committed.
    raise errors.TokenReused if reused else errors.TokenRevoked


def note_use(session_id: str) -> None:
    """Write down that a session that stands has just been used, for the list of them."""
    with unit_of_work() as session:
        session.execute(
            update(LoginSession)
            .where(LoginSession.id == session_id, LoginSession.revoked_at.is_(None))
            .values(last_used_at=clock.now())
            .execution_options(synchronize_session=False)
        )


def log_out(actor: Acting, session_id: str) -> None:
    """Revoke a session of the actor's: its tokens of both kinds are refused from now on."""
    own = (LoginSession.id == session_id) & (LoginSession.user_id == require_user(actor))
    with unit_of_work() as session:
        revoke(session, own, "logout")


def list_sessions(actor: Acting) -> list[SessionView]:
    """Return the sessions of the actor's that still stand, the newest first."""
    return _views(require_user(actor), current_id(actor), *_open(clock.now()))


def open_of(user_id: int) -> list[SessionView]:
    """Return somebody's sessions that still stand, the newest first, for who may see them."""
    return _views(user_id, None, *_open(clock.now()))


def export(actor: Acting) -> list[SessionView]:
    """Return all sessions of the actor's that are on record, ended ones too, the newest first."""
    return _views(require_user(actor), current_id(actor))


def _views(user_id: int, current: str | None, *which: Any) -> list[SessionView]:
    rows = db.session.scalars(
        select(LoginSession)
        .where(LoginSession.user_id == user_id, *which)
        .order_by(LoginSession.created_at.desc(), LoginSession.id)
    )
    return [
        SessionView(
            id=row.id,
            created_at=row.created_at,
            last_used_at=row.last_used_at or row.created_at,
            expires_at=row.expires_at,
            user_agent=row.user_agent,
            address=row.address,
            current=row.id == current,
            revoked_at=row.revoked_at,
        )
        for row in rows
    ]


def end(actor: Acting, session_id: str) -> None:
    """End one session of the actor's, the current one too.

    Raises:
        NotFound: there is none that still stands, or it is another's.
    """
    with unit_of_work() as session:
        ended = session.execute(
            update(LoginSession)
            .where(
                LoginSession.id == session_id,
                LoginSession.user_id == require_user(actor),
                *_open(clock.now()),
            )
            .values(revoked_at=clock.now(), revoked_for="ended by its owner")
            .returning(LoginSession.user_id)
            .execution_options(synchronize_session=False)
        ).first()
        if ended is None:
            raise errors.NotFound("There is no such session.")
        collect_after_commit(pubsub.logins_changed, ended.user_id)


def end_others(actor: Acting, why: str = "ended by its owner") -> None:
    """End every session of the actor's but the one that asks."""
    others = (LoginSession.user_id == require_user(actor)) & (
        LoginSession.id != (current_id(actor) or "")
    )
    with unit_of_work() as session:
        revoke(session, others, why)


def forget(session: Session, user_id: int) -> None:
    """End all of a user's sessions and blot out where they came from: the account's end."""
    mine = LoginSession.user_id == user_id
    revoke(session, mine, "account deleted")
    session.execute(
        update(LoginSession)
        .where(mine)
        .values(user_agent="", address=None)
        .execution_options(synchronize_session=False)
    )


def revoke(session: Session, which: Any, why: str) -> None:
    """End logins: those of ``LoginSession`` that ``which`` says, at once, and their sockets."""
    ended = session.scalars(
        update(LoginSession)
        .where(which, LoginSession.revoked_at.is_(None))
        .values(revoked_at=clock.now(), revoked_for=why)
        .returning(LoginSession.user_id)
        .execution_options(synchronize_session=False)
    )
    for user_id in set(ended):
        collect_after_commit(pubsub.logins_changed, user_id)


def current_id(actor: Acting) -> str | None:
    """Return the session by which somebody acts; None by a key, a command or the shell."""
    return getattr(actor, "session_id", None)


def _open(now: datetime) -> tuple[Any, ...]:
    return (LoginSession.revoked_at.is_(None), LoginSession.expires_at > now)
