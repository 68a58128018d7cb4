"""What goes with an account, and what its owner is shown of what is held about them.

Orders stay, with their addresses and payments: the shop must keep its books. Reviews stay too,
under nobody's name. Whatever else has a person in it is deleted here; a test looks through every
table.
"""

from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from bookstore.extensions import db
from bookstore.models import (
    AuditEntry,
    Email,
    Order,
    OrderEvent,
    Payment,
    Refund,
    ShoppingCart,
    WishList,
)
from bookstore.models.accounts import actor_label
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
    # An order keeps what the shop's books need; what its buyer wrote beside that is the buyer's.
    theirs = actor_label(user_id, is_staff=False)
    for written, column in ((OrderEvent, "note"), (Refund, "reason")):
        session.execute(
            update(written)
            .where(
                written.order_id.in_(select(Order.id).where(Order.user_id == user_id)),
                written.actor == theirs,
            )
            .values({column: ""})
            .execution_options(synchronize_session=False)
        )
    # Those under way are skipped by the worker: to wait for its locks would be to wait for mail.
    over = (Email.user_id == user_id) & ~is_pending(Email)
    session.execute(delete(Email).where(over).execution_options(synchronize_session=False))


def export(actor: Acting) -> dict[str, Any]:
    """Return what else is held about the actor: what hangs on their orders, sessions, mails …"""
    user_id = require_user(actor)
    ordered = select(Order.id).where(Order.user_id == user_id)
    held = {
        # Not what staff alone may read, a bank's word of the buyer, say.
        "order_events": select(OrderEvent).where(
            OrderEvent.order_id.in_(ordered), OrderEvent.is_internal.is_(False)
        ),
        "payments": select(Payment).where(Payment.order_id.in_(ordered)),
        "refunds": select(Refund).where(Refund.order_id.in_(ordered)),
        "mails": select(Email).where(Email.user_id == user_id),
        "audit_entries": select(AuditEntry).where(AuditEntry.user_id == user_id),
    }
    return {
        **{
            name: db.session.scalars(rows.order_by(rows.selected_columns.id.desc())).all()
            for name, rows in held.items()
        },
        "sessions": sessions.export(actor),
        "totp": totp.state(actor),
        "api_keys": api_keys.export(actor),
        **notifications.export(actor),
    }
