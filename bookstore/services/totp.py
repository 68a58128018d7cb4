"""A second factor for staff: codes of an authenticator app (TOTP, RFC 6238), and on paper.

The secret is sealed, recovery codes are kept as digests: they are random enough (80 bits) for a
plain one. Each code is good once. That the last step is moved on, or the paper marked, by one
conditional UPDATE decides between two who send the same code at once.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

import pyotp
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.models import RecoveryCode, Totp, User
from bookstore.services import attempts, audit, passwords, vault
from bookstore.services.actors import Acting, require_staff, require_user
from bookstore.unit_of_work import unit_of_work

ISSUER = "Bookstore"
STEP_SECONDS = 30
# Clocks differ, and people type: the code before and the one after count too.
WINDOW = 1
RECOVERY_CODES = 10
_NOT_PRESENT = {"password": ["Not the account's present password."]}


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the app needs: a secret (Base32), and the same as an otpauth:// address."""

    secret: str
    uri: str


def enrol(actor: Acting) -> Enrolment:
    """Make a secret for a member of staff; one that was not confirmed is replaced.

    Raises:
        Forbidden: not staff.
        TotpEnabled: there is a confirmed one.
    """
    require_staff(actor)
    secret = pyotp.random_base32()
    with unit_of_work() as session:
        # Locked, so that two at once are one after the other.
        user = session.get_one(User, require_user(actor), with_for_update=True)
        found = session.get(Totp, user.id, populate_existing=True)
        if found is not None and found.confirmed_at is not None:
            raise errors.TotpEnabled
        if found is None:
            found = Totp(user_id=user.id)
            session.add(found)
        found.secret, found.created_at, found.last_step = vault.seal(secret), clock.now(), 0
        name = user.username
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
    return Enrolment(secret, uri)


def confirm(actor: Acting, code: str) -> list[str]:
    """Show that the app has the secret; return the recovery codes, which are told this once.

    Raises:
        Forbidden: not staff.
        TotpNotEnabled: there is no secret that waits to be confirmed.
        Invalid: of the field ``code``.
    """
    require_staff(actor)
    user_id = require_user(actor)
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    with unit_of_work() as session:
        found = session.get(Totp, user_id, with_for_update=True, populate_existing=True)
        if found is None or found.confirmed_at is not None:
            raise errors.TotpNotEnabled
        step = _matching_step(found.secret, _plain(code))
        if step is None:
            raise errors.Invalid({"code": ["Not the code that the app shows now."]})
        found.confirmed_at, found.last_step = clock.now(), step
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        session.add_all(RecoveryCode(user_id=user_id, code_hash=_digest(one)) for one in codes)
    return codes


def secret_of(session: Session, user_id: int) -> bytes | None:
    """Return a user's secret, sealed, if there is a confirmed one."""
    secret: bytes | None = session.scalar(
        select(Totp.secret).where(Totp.user_id == user_id, Totp.confirmed_at.is_not(None))
    )
    return secret


def take(session: Session, user_id: int, secret: bytes, code: str) -> bool:
    """Use a code up as part of a unit of work; return whether it was good.

    Args:
        session: of the unit of work that what the code is for is done in.
        user_id: whose.
        secret: theirs, sealed.
        code: of the app, or a recovery code.

    Raises:
        SecretUnreadable: sealed under another ``SECRET_KEY``.
    """
    plain = _plain(code)
    if not (plain.isascii() and plain.isalnum()):
        return False
    if not plain.isdecimal():
        using: Any = (
            update(RecoveryCode)
            .where(
                RecoveryCode.user_id == user_id,
                RecoveryCode.code_hash == _digest(plain),
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=clock.now())
            .returning(RecoveryCode.id)
        )
    else:
        step = _matching_step(secret, plain)
        if step is None:
            return False
        using = (
            update(Totp)
            .where(Totp.user_id == user_id, Totp.secret == secret, Totp.last_step < step)
            .values(last_step=step)
            .returning(Totp.user_id)
        )
    return session.execute(using.execution_options(synchronize_session=False)).first() is not None


def remove(actor: Acting, password: str, code: str) -> None:
    """Do without a second factor again, as somebody who has both; each call is an attempt.

    Raises:
        RateLimited: it comes too soon after wrong ones.
        TotpNotEnabled: there is none.
        Invalid: of the field ``password``.
        TotpInvalid: the code is not good.
    """
    user_id = require_user(actor)
    with attempts.proving(user_id):
        _remove(user_id, password, code)


def _remove(user_id: int, password: str, code: str) -> None:
    stored = db.session.scalar(select(User.password_hash).where(User.id == user_id))
    if not passwords.verify(password, stored)[0]:
        raise errors.Invalid(_NOT_PRESENT)
    with unit_of_work() as session:
        if passwords.locked_hash(session, user_id) != stored:
            raise errors.Invalid(_NOT_PRESENT)  # any more
        secret = secret_of(session, user_id)
        if secret is None:
            raise errors.TotpNotEnabled
        if not take(session, user_id, secret, code):
            raise errors.TotpInvalid
        forget(session, user_id)


def reset(user_id: int) -> bool:
    """Take the second factor from a user who has lost app and paper; return whether there was one.

    For who runs the shop, after making sure by other means who asks.
    """
    audit.about("user", user_id)
    with unit_of_work() as session:
        return forget(session, user_id)


def forget(session: Session, user_id: int) -> bool:
    """Delete a user's secret and codes; return whether there was a secret."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    gone = session.execute(delete(Totp).where(Totp.user_id == user_id).returning(Totp.user_id))
    return gone.first() is not None


def state(actor: Acting) -> dict[str, Any]:
    """Return ``enabled``, since when (or None), and how many recovery codes are left."""
    user_id = require_user(actor)
    left = (
        select(func.count())
        .where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
        .scalar_subquery()
    )
    row = db.session.execute(
        select(Totp.confirmed_at, left.label("left")).where(
            Totp.user_id == user_id, Totp.confirmed_at.is_not(None)
        )
    ).first()
    return {
        "enabled": row is not None,
        "enabled_at": None if row is None else row.confirmed_at,
        "recovery_codes_left": 0 if row is None else row.left,
    }


def _matching_step(sealed: bytes, code: str) -> int | None:
    """Return the newest step of the window whose code this is."""
    totp = pyotp.TOTP(vault.unseal(sealed))
    now = int(clock.now().timestamp()) // STEP_SECONDS
    for step in range(now + WINDOW, now - WINDOW - 1, -1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            return step
    return None


def _new_code() -> str:
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def _plain(code: str) -> str:
    return code.replace(" ", "").replace("-", "").lower()


def _digest(code: str) -> str:
    return hashlib.sha256(_plain(code).encode()).hexdigest()
