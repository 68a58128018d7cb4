"""One order, locked: moved to another status, and told about. For the use cases that do so."""

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from bookstore import clock, errors, instruments, money
from bookstore.models import Order, OrderEvent
from bookstore.models.orders import TRANSITIONS
from bookstore.services import events, live
from bookstore.services.actors import Acting, require_user
from bookstore.unit_of_work import collect_after_commit


def visible(query: Select[Order], actor: Acting) -> Select[Order]:
    """Return the query for what the actor may see: one's own orders; staff, every one."""
    return query if actor.is_staff else query.where(Order.user_id == require_user(actor))


def lock(session: Session, actor: Acting, order_id: int) -> Order:
    """Lock an order of the actor's (staff: any) and return it as it is now.

    Raises:
        NotFound: there is none, or it is another's.
    """
    query = select(Order).where(Order.id == order_id).with_for_update()
    order = session.scalar(visible(query, actor).execution_options(populate_existing=True))
    if order is None:
        raise errors.NotFound(f"There is no order {order_id}.")
    return order


def move(session: Session, actor: Acting, order: Order, status: str, *, note: str = "") -> None:
    """Move a locked order to its next status, write it into its history, and tell.

    Raises:
        InvalidTransition: not a legal next status.
    """
    if not order.can_move_to(status):
        raise errors.InvalidTransition(
            f"A {order.status} order cannot become {status}.",
            status_now=order.status,
            allowed=list(TRANSITIONS[order.status]),
        )
    write_history(session, actor, order, status, note)
    order.status = status
    order.version += 1
    session.flush()
    record_event(order, f"order.{status}")


def write_history(
    session: Session, actor: Acting, order: Order, status: str, note: str, *, internal: bool = False
) -> None:
    """Add a line to an order's history: from its present status to ``status``.

    The buyer reads it too, unless it is ``internal``.
    """
    session.add(
        OrderEvent(
            order_id=order.id,
            from_status=order.status,
            to_status=status,
            actor=actor.label,
            note=note,
            is_internal=internal,
            at=clock.now(),
        )
    )


def record_event(order: Order, event_type: str, **more: Any) -> None:
    """Record what happened to a locked order whose version has just been moved on.

    Mail, push, notifications and webhooks follow from the event, live updates from the version.
    """
    events.record(
        event_type,
        {
            "order_id": order.id,
            "number": order.number,
            "user_id": order.user_id,
            "status": order.status,
            "payment_status": order.payment_status,
            "total_amount": money.to_text(order.total_amount, order.currency),
            "currency": order.currency,
            "tracking_number": order.tracking_number,
            "version": order.version,
            **more,
        },
        aggregate_id=order.id,
        user_id=order.user_id,
        sequence=order.version,
    )
    if event_type == "order.created":
        collect_after_commit(_count_placed, order.currency)
    elif event_type == "order.paid":
        collect_after_commit(_count_paid, (order.currency, order.total_amount))
    publish(order)


def _count_placed(currencies: list[str]) -> None:
    for currency in currencies:
        instruments.ORDERS_PLACED.add(currency)


def _count_paid(paid: list[tuple[str, int]]) -> None:
    for currency, amount in paid:
        instruments.ORDERS_PAID.add(currency)
        instruments.REVENUE.add(currency, amount=amount)


def publish(order: Order) -> None:
    """Show who follows a locked order, whose version has just been moved on, how it stands."""
    live.publish_order(order)
