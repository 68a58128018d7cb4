"""Links that mails carry: a token that says what it is for, whose, until when, and to what bound.

It is made when the mail is written and stored nowhere. What it is bound to goes in as a digest, so
that it dies as soon as that changes: the one use of it is to change just that.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.models import Email
from bookstore.services import vault

BETWEEN_MAILS = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Link:
    """What a good token says."""

    user_id: int
    digest: str

    def is_bound_to(self, *what: str) -> bool:
        """Return whether it was made for exactly this."""
        return hmac.compare_digest(self.digest, _digest(what))


def make(purpose: str, user_id: int, lifetime: timedelta, *bound_to: str) -> str:
    """Return a token."""
    expires = (clock.now() + lifetime).isoformat()
    told = [purpose, user_id, expires, _digest(bound_to)]
    return vault.seal(orjson.dumps(told).decode()).decode()


def read(purpose: str, token: str) -> Link | None:
    """Return what a token says; None when it is not ours, for something else, or too old."""
    try:
        found, user_id, expires, digest = orjson.loads(vault.unseal(token.encode()))
        if found == purpose and datetime.fromisoformat(expires) > clock.now():
            return Link(int(user_id), str(digest))
    except (errors.SecretUnreadable, ValueError, TypeError):
        pass
    return None


def just_sent(session: Session, user_id: int, template: str) -> bool:
    """Return whether the user was sent such a mail within the last minute."""
    lately = exists().where(
        Email.user_id == user_id,
        Email.template == template,
        Email.created_at > clock.now() - BETWEEN_MAILS,
    )
    return bool(session.scalar(select(lately)))


def _digest(bound_to: tuple[str, ...]) -> str:
    return hashlib.sha256(" ".join(bound_to).encode()).hexdigest()
