"""A new password for who forgot theirs: a mail with a link that is good once and for an hour.

The token is made when the mail is written and stored nowhere. It holds a digest of the present
password hash and address, so it dies as soon as one of them changes.
"""

import hashlib
import hmac
from datetime import datetime, timedelta

import orjson
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.gateways import queue
from bookstore.models import Email, LoginSession, User
from bookstore.services import accounts, attempts, vault
from bookstore.services.passwords import HASHER
from bookstore.unit_of_work import after_commit, unit_of_work

LIFETIME = timedelta(hours=1)
BETWEEN_MAILS = timedelta(minutes=1)
TEMPLATE = "password_reset"

_PURPOSE = "password reset"
_WRONG = "Not a good link any more: ask for a new one."


def request(email: str) -> None:
    """Have a mail sent to the account with this address; do nothing when there is none.

    At most one a minute. Who asks learns nothing of which it was.

    Raises:
        RateLimited: too many asked for this address.
    """
    attempts.check("reset", email)
    with unit_of_work() as session:
        user_id = session.scalar(
            select(User.id)
            .where(User.email_key == email.casefold(), User.is_active)
            # One at a time, so that two requests at once are one mail.
            .with_for_update(key_share=True)
        )
        if user_id is not None and not _just_sent(session, user_id):
            session.add(Email(user_id=user_id, template=TEMPLATE, data={}))
            after_commit(queue.wake)


def _just_sent(session: Session, user_id: int) -> bool:
    lately = exists().where(
        Email.user_id == user_id,
        Email.template == TEMPLATE,
        Email.created_at > clock.now() - BETWEEN_MAILS,
    )
    return bool(session.scalar(select(lately)))


def make_token(user: User) -> str:
    """Return a token with which the user's password can be set, for ``LIFETIME``."""
    expires = (clock.now() + LIFETIME).isoformat()
    return vault.seal(orjson.dumps([_PURPOSE, user.id, expires, _digest(user)]).decode()).decode()


def confirm(token: str, password: str) -> None:
    """Set a new password and end every login of the account.

    Raises:
        ResetTokenInvalid: the token is not ours, expired, or the password has changed since.
    """
    user_id, digest = _read(token)
    # Slow, so not under the lock; and not done for whoever sends junk.
    password_hash = HASHER.hash(password)
    with unit_of_work() as session:
        user = session.get(User, user_id, with_for_update=True, populate_existing=True)
        if user is None or not user.is_active or not hmac.compare_digest(digest, _digest(user)):
            raise errors.ResetTokenInvalid({"token": [_WRONG]})
        user.password_hash = password_hash
        # A way in for whom a stranger, by guessing, makes wait at the other door.
        name = user.username
        after_commit(lambda: attempts.succeeded("login", name))
        accounts.revoke(session, LoginSession.user_id == user.id, "password reset")


def _read(token: str) -> tuple[int, str]:
    try:
        purpose, user_id, expires, digest = orjson.loads(vault.unseal(token.encode()))
        if purpose == _PURPOSE and datetime.fromisoformat(expires) > clock.now():
            return int(user_id), str(digest)
    except (errors.SecretUnreadable, ValueError, TypeError):
        pass
    raise errors.ResetTokenInvalid({"token": [_WRONG]})


def _digest(user: User) -> str:
    return hashlib.sha256(f"{user.password_hash} {user.email_key}".encode()).hexdigest()
