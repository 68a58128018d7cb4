"""A new password for who forgot theirs: a mail with a link that is good once and for an hour.

The link is bound to the present password and address, so it dies as soon as one of them changes.
"""

from datetime import timedelta

from sqlalchemy import select

from bookstore import errors
from bookstore.extensions import db
from bookstore.gateways import queue
from bookstore.models import Email, LoginSession, User
from bookstore.services import attempts, mail_links, passwords, sessions
from bookstore.unit_of_work import after_commit, unit_of_work

LIFETIME = timedelta(hours=1)
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
        if user_id is not None and not mail_links.just_sent(session, user_id, TEMPLATE):
            session.add(Email(user_id=user_id, template=TEMPLATE, data={}))
            after_commit(queue.wake)


def make_token(user: User) -> str:
    """Return a token with which the user's password can be set, for ``LIFETIME``."""
    return mail_links.make(_PURPOSE, user.id, LIFETIME, user.password_hash, user.email_key)


def confirm(token: str, password: str) -> None:
    """Set a new password and end every login of the account.

    Raises:
        ResetTokenInvalid: the token is not ours, expired, or the password has changed since.
        Invalid: the password is one of the first to be guessed.
        LoginsBusy: too many passwords are being hashed.
    """
    link = mail_links.read(_PURPOSE, token)
    user = None if link is None else db.session.get(User, link.user_id)
    if link is None or user is None:
        raise errors.ResetTokenInvalid({"token": [_WRONG]})
    passwords.check(password, user.username, user.email)
    # Slow, so not under the lock; and not done for whoever sends junk.
    password_hash = passwords.make_hash(password)
    with unit_of_work() as session:
        user = session.get(User, link.user_id, with_for_update=True, populate_existing=True)
        if (
            user is None
            or not user.is_active
            or not link.is_bound_to(user.password_hash, user.email_key)
        ):
            raise errors.ResetTokenInvalid({"token": [_WRONG]})
        user.password_hash = password_hash
        # A way in for whom a stranger, by guessing, makes wait at the other door.
        name = user.username
        after_commit(lambda: attempts.succeeded("login", name))
        sessions.revoke(session, LoginSession.user_id == user.id, "password reset")
