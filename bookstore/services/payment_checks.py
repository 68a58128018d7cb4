"""What must be true of payments and refunds; see ``book_checks``, whose list they are on."""

from typing import Any

from sqlalchemy import and_, exists, func, or_, select

from bookstore import money
from bookstore.models import Order, Payment, Refund
from bookstore.models.payments import FINAL
from bookstore.services.sql import AnySelect


def reserved() -> AnySelect:
    """Find payments that count other refunds than they have, or money that did not come in."""
    given = _refunds(Refund.payment_id, Refund.status.in_(("pending", "succeeded")))
    return (
        select(
            Payment.id,
            Payment.order_id,
            Payment.currency,
            Payment.status,
            Payment.amount_received,
            Payment.amount_refunded,
            func.coalesce(given.c.sum, 0).label("refunds"),
        )
        .outerjoin(given, given.c.key == Payment.id)
        .where(
            or_(
                Payment.amount_refunded != func.coalesce(given.c.sum, 0),
                (Payment.amount_received > 0) != (Payment.status == "succeeded"),
                (Payment.amount_withdrawn > 0) & (Payment.dispute_status.is_(None)),
            )
        )
    )


def tell_reserved(row: Any) -> str:
    """Say what is wrong with a payment."""
    said = f"payment {row.id} of order {row.order_id} is {row.status}"
    came = f"{_text(row.amount_received, row.currency)} came in"
    back = f"{_text(row.amount_refunded, row.currency)} counted as given back"
    return f"{said}: {came}, {back}, its refunds are {_text(row.refunds, row.currency)}"


def asked() -> AnySelect:
    """Find payments under way that ask for something else than the order costs."""
    return (
        select(
            Payment.id,
            Payment.amount,
            Payment.currency,
            Order.number,
            Order.total_amount,
            Order.currency.label("due_in"),
        )
        .join(Order, Order.id == Payment.order_id)
        .where(
            Payment.is_live,
            Payment.status.not_in(FINAL),
            or_(Payment.amount != Order.total_amount, Payment.currency != Order.currency),
        )
    )


def tell_asked(row: Any) -> str:
    """Say what a payment asks for."""
    due = _text(row.total_amount, row.due_in)
    said = f"order {row.number} costs {due}, its payment {row.id} asks for"
    return f"{said} {_text(row.amount, row.currency)}"


def standing() -> AnySelect:
    """Find orders whose payment status is not what their payments and refunds make of them."""
    came = (
        select(
            Payment.order_id.label("key"),
            func.sum(Payment.amount_received).label("sum"),
            func.sum(Payment.amount_withdrawn).label("withdrawn"),
            func.sum(Payment.amount_refunded).label("reserved"),
        )
        .join(Order, Order.id == Payment.order_id)
        .where(Payment.amount_received > 0, Payment.currency == Order.currency)
        .group_by(Payment.order_id)
        .subquery()
    )
    back = _refunds(Refund.order_id, Refund.status == "succeeded", own=True)
    foreign = exists().where(
        Payment.order_id == Order.id,
        Payment.currency != Order.currency,
        Payment.amount_received > Payment.amount_refunded + Payment.amount_withdrawn,
    )
    under_way = exists().where(Payment.order_id == Order.id, Payment.status == "processing")
    anything = exists().where(Payment.order_id == Order.id, Payment.amount_received > 0)
    received, given = func.coalesce(came.c.sum, 0), func.coalesce(back.c.sum, 0)
    gone = given + func.coalesce(came.c.withdrawn, 0)
    rest, status, free = received - gone, Order.payment_status, Order.total_amount == 0
    kept = received - func.coalesce(came.c.reserved + came.c.withdrawn, 0)
    wrong = or_(
        and_(status.in_(("unpaid", "processing", "failed")), or_(received > 0, free)),
        and_(status == "processing", ~under_way),
        and_(status == "paid", rest < Order.total_amount),
        and_(status == "partially_refunded", or_(rest <= 0, rest >= Order.total_amount)),
        and_(status == "refunded", or_(rest > 0, ~anything)),
        and_(status != "review", foreign),
        # Paid twice, or more than it costs, and nothing of it is back or on its way.
        and_(status != "review", kept > Order.total_amount),
        # Gone, and its money is neither back nor on its way.
        and_(Order.status == "cancelled", status != "review", kept > 0),
    )
    return (
        select(
            Order.number,
            Order.status,
            status.label("payment_status"),
            Order.currency,
            Order.total_amount,
            received.label("received"),
            given.label("given"),
            func.coalesce(came.c.withdrawn, 0).label("withdrawn"),
        )
        .outerjoin(came, came.c.key == Order.id)
        .outerjoin(back, back.c.key == Order.id)
        .where(wrong)
    )


def tell_standing(row: Any) -> str:
    """Say what is wrong with how an order was paid."""
    total, came = _text(row.total_amount, row.currency), _text(row.received, row.currency)
    said = (
        f"order {row.number} ({row.status}) is {row.payment_status}: it costs {total}, {came} came"
        f" in, {_text(row.given, row.currency)} went back"
    )
    taken = _text(row.withdrawn, row.currency)
    return f"{said}, a bank took {taken}" if row.withdrawn else said


def _refunds(key: Any, which: Any, *, own: bool = False) -> Any:
    query = select(key.label("key"), func.sum(Refund.amount).label("sum")).where(which)
    if own:
        # Of the order's own currency.
        query = query.join(
            Order, (Order.id == Refund.order_id) & (Order.currency == Refund.currency)
        )
    return query.group_by(key).subquery()


def _text(minor: int, currency: str) -> str:
    # A sum of PostgreSQL's is a Decimal.
    return money.with_code(int(minor), currency)
