"""Mails to everybody of the staff."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore.gateways import queue
from bookstore.models import Email, Order, User
from bookstore.unit_of_work import after_commit


def tell(session: Session, template: str, data: dict[str, Any]) -> None:
    """Write a mail to every active member of staff, to leave with this transaction."""
    staff = session.scalars(select(User.id).where(User.is_staff, User.is_active)).all()
    session.add_all(Email(user_id=user_id, template=template, data=data) for user_id in staff)
    if staff:
        after_commit(queue.wake)


def tell_of_order(session: Session, template: str, order: Order, why: str, **more: Any) -> None:
    """Write one that is about an order, and why it needs somebody."""
    about = {"order_id": order.id, "number": order.number, "status": order.status, "why": why}
    tell(session, template, {**about, **more})
