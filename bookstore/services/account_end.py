"""What goes with an account, and what its owner is shown of what is held about them.

Orders stay, with their addresses and payments: the shop must keep its books. Reviews stay too,
under nobody's name. Whatever else has a person in it is deleted here; a test looks through every
table.
"""

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bookstore.extensions import db
from bookstore.models import Email, ShoppingCart, WishList
from bookstore.models.outbox import is_pending
from bookstore.services import (
    api_keys,
    audit,
    email_verification,
    idempotency,
    notifications,
    sessions,
    totp,
)
from bookstore.services.actors import Acting, require_user


def forget(session: Session, user_id: int) -> None:
    """Delete what is a person's own; call it under the lock of their row."""
    for table in (ShoppingCart, WishList):
        session.execute(delete(table).where(table.user_id == user_id))
    kinds = (notifications, api_keys, email_verification, totp, sessions, audit, idempotency)
    for kind in kinds:
        kind.forget(session, user_id)
    # Those under way are skipped by the worker: to wait for its locks would be to wait for mail.
    over = (Email.user_id == user_id) & ~is_pending(Email)
    session.execute(delete(Email).where(over).execution_options(synchronize_session=False))


def export(actor: Acting) -> dict[str, Any]:
    """Return what else is held about the actor: sessions, and mails that were or are to be sent."""
    user_id = require_user(actor)
    mails = select(Email).where(Email.user_id == user_id)
    return {
        "mails": db.session.scalars(mails.order_by(Email.id.desc())).all(),
        "sessions": sessions.export(actor),
        "totp": totp.state(actor),
        "api_keys": api_keys.export(actor),
        **notifications.export(actor),
    }
