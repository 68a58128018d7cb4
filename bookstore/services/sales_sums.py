"""Keeping the sums of what was sold in step with orders, payments and refunds.

What a session flushes of them is seen here (no order is ever deleted), and what it changes in the
sums is written in the same transaction: as new rows, so that nobody waits for a sum that somebody
else is changing. The scheduler has them folded into the sums (``fold``). Sums and changes together
are exact; where something was changed past the session they are not, as ``wrong_days``,
``wrong_books`` and ``wrong_totals`` find.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

from sqlalchemy import event, insert, inspect, select
from sqlalchemy.orm import Session

from bookstore.models import Order, OrderItem, Payment, Refund, SalesChange
from bookstore.prepared import Prepared
from bookstore.unit_of_work import execute

# An order in review was paid for, if perhaps not all of it.
PAID = ("paid", "partially_refunded", "review")
# Columns of a change, without those that are 0.
_Change: TypeAlias = dict[str, Any]

_CHANGES = Prepared(insert(SalesChange.__table__))
_LINES = select(OrderItem.book_id, OrderItem.quantity, OrderItem.price)
_NOTHING = {"status": "", "book_id": None, "orders": 0, "paid": 0, "copies": 0, "amount": 0}


def placed(session: Session, order: Order) -> None:
    """Count an order that was just inserted with its lines, past the session's objects."""
    changes = [_change(order, status=order.status, orders=1)]
    if is_sold(order.status, order.payment_status):
        changes += _lines(order, order.items, 1)
    execute(session, _CHANGES, changes)


def is_sold(status: str, payment_status: str) -> bool:
    """Whether the copies of such an order count as sold."""
    return status != "cancelled" and payment_status in PAID


def follow() -> None:
    """See what sessions flush from now on; to be called again is harmless."""
    if not event.contains(Session, "after_flush", _flushed):
        event.listen(Session, "after_flush", _flushed)


def _flushed(session: Session, _context: Any) -> None:
    found = [*session.new, *session.dirty]
    orders = [one for one in found if isinstance(one, Order)]
    payments = [one for one in found if isinstance(one, Payment)]
    refunds = [one for one in found if isinstance(one, Refund)]
    changes = [change for order in orders for change in _of_order(session, order)]
    if moved := [one for one in payments if _received(one, before=True) != _received(one)]:
        changes += _of_payments(session, moved)
    changes += _of_refunds(session, refunds)
    if changes:
        _CHANGES.execute(session.connection(), changes)


def _of_order(session: Session, order: Order) -> Iterator[_Change]:
    was, status = _before(order, "status"), order.status
    if was != status:
        if was is not None:
            yield _change(order, status=was, orders=-1)
        yield _change(order, status=status, orders=1)
    was_sold = was is not None and is_sold(was, _before(order, "payment_status") or "")
    sold = is_sold(status, order.payment_status)
    if was_sold != sold:
        lines = session.connection().execute(_LINES.where(OrderItem.order_id == order.id)).all()
        yield from _lines(order, lines, 1 if sold else -1)


def _of_payments(session: Session, moved: list[Payment]) -> Iterator[_Change]:
    orders = _orders(session, (one.order_id for one in moved))
    rows = session.connection().execute(
        select(Payment.id, Payment.order_id, Payment.currency).where(
            Payment.order_id.in_(list(orders)), Payment.amount_received > 0
        )
    )
    # Of each order, the currencies that money came in.
    now = {(row.id, row.order_id, row.currency) for row in rows}
    others = {one for one in now if one[0] not in {payment.id for payment in moved}}
    then = others | {
        (payment.id, payment.order_id, found[0])
        for payment in moved
        if (found := _received(payment, before=True))
    }
    paid_now, paid_then = ({key[1:] for key in keys} for keys in (now, then))
    for keys, sign in ((paid_now - paid_then, 1), (paid_then - paid_now, -1)):
        for order_id, currency in keys:
            yield _row(orders[order_id], currency, paid=sign)
    for payment in moved:
        day = orders[payment.order_id]
        for found, sign in ((_received(payment, before=True), -1), (_received(payment), 1)):
            if found:
                yield _row(day, found[0], amount=sign * found[1])


def _of_refunds(session: Session, refunds: list[Refund]) -> Iterator[_Change]:
    moved = [one for one in refunds if _is_done(_before(one, "status")) != _is_done(one.status)]
    if moved:
        orders = _orders(session, (one.order_id for one in moved))
        for one in moved:
            back = -one.amount if _is_done(one.status) else one.amount
            yield _row(orders[one.order_id], one.currency, amount=back)


def _is_done(status: str | None) -> bool:
    return status == "succeeded"


def _received(payment: Payment, *, before: bool = False) -> tuple[str, int] | None:
    """Return the currency and amount that the shop has of a payment; None: nothing came in."""
    names = ("currency", "amount_received", "amount_withdrawn")
    found = [_before(payment, name) if before else getattr(payment, name) for name in names]
    return (found[0], found[1] - (found[2] or 0)) if found[1] else None


def _before(row: Any, name: str) -> Any:
    """Return what an attribute was before the flush; None: the row is new."""
    state = inspect(row)
    if not state.has_identity or row in (state.session.new if state.session else ()):
        return None
    history = state.attrs[name].history
    return history.deleted[0] if history.deleted else getattr(row, name)


def _orders(session: Session, ids: Iterable[int]) -> dict[int, date]:
    """Return the days of orders."""
    rows = select(Order.id, Order.created_at).where(Order.id.in_(set(ids)))
    return {row.id: _day(row.created_at) for row in session.connection().execute(rows)}


def _lines(order: Order, lines: Iterable[Any], sign: int) -> list[_Change]:
    return [
        _change(
            order,
            book_id=line.book_id,
            copies=sign * line.quantity,
            amount=sign * line.quantity * line.price,
        )
        for line in lines
    ]


def _change(order: Order, **what: Any) -> _Change:
    return _row(_day(order.created_at), order.currency, **what)


def _row(day: date, currency: str, **what: Any) -> _Change:
    return {**_NOTHING, "day": day, "currency": currency, **what}


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
