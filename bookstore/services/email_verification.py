"""Whether an address is its user's: a mail with a link that is good once and for three days.

The link is bound to the address, so one that was sent to another is worth nothing. An address that
is not verified keeps nobody from anything: people buy books before they read their mail.
"""

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.gateways import queue
from bookstore.models import Email, User
from bookstore.services import mail_links
from bookstore.services.actors import Acting, require_user
from bookstore.unit_of_work import after_commit, unit_of_work

LIFETIME = timedelta(days=3)
TEMPLATE, CHANGED_TEMPLATE = "verify_email", "email_changed"

_PURPOSE = "verify email"
_WRONG = "Not a good link any more: ask for a new one."


def send(session: Session, user: User) -> None:
    """Have the link sent to a user's address, to leave with this transaction."""
    session.add(Email(user=user, template=TEMPLATE, data={}))
    after_commit(queue.wake)


def address_changed(session: Session, user: User, old: str) -> None:
    """Have the old address told that it is not the account's any more, and the new one asked."""
    user.email_verified_at = None
    session.add(Email(user=user, template=CHANGED_TEMPLATE, data={"to": old}))
    send(session, user)


def send_again(actor: Acting) -> None:
    """Have the link sent once more to the actor; at most one mail a minute.

    Raises:
        EmailVerified: there is no need to.
    """
    with unit_of_work() as session:
        user = session.get(User, require_user(actor), with_for_update=True, populate_existing=True)
        if user is None or not user.is_active:
            raise errors.Unauthenticated
        if user.email_verified:
            raise errors.EmailVerified
        if not mail_links.just_sent(session, user.id, TEMPLATE):
            send(session, user)


def make_token(user: User) -> str:
    """Return a token that verifies the user's present address, for ``LIFETIME``."""
    return mail_links.make(_PURPOSE, user.id, LIFETIME, user.email_key)


def confirm(token: str) -> None:
    """Note that the mail has reached its reader.

    Raises:
        VerificationTokenInvalid: the token is not ours, expired, used, or of another address.
    """
    link = mail_links.read(_PURPOSE, token)
    if link is None:
        raise errors.VerificationTokenInvalid({"token": [_WRONG]})
    with unit_of_work() as session:
        user = session.get(User, link.user_id, with_for_update=True, populate_existing=True)
        if (
            user is None
            or not user.is_active
            or user.email_verified
            or not link.is_bound_to(user.email_key)
        ):
            raise errors.VerificationTokenInvalid({"token": [_WRONG]})
        user.email_verified_at = clock.now()


def forget(session: Session, user_id: int) -> None:
    """Delete the mails in which an address stands, as part of the account's end."""
    session.execute(
        delete(Email)
        .where(Email.user_id == user_id, Email.template == CHANGED_TEMPLATE)
        .execution_options(synchronize_session=False)
    )
