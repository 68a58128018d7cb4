"""Cancelling an order: its copies go back on sale, its coupons may be used again, its money goes
back."""

from sqlalchemy.orm import Session

from bookstore.models import Order
from bookstore.services import abandoned_payments, coupons, order_moves, refunding, stock
from bookstore.services.actors import Acting


def cancel(session: Session, actor: Acting, order: Order, note: str = "") -> None:
    """Cancel a locked order.

    Raises:
        InvalidTransition: too late, or cancelled already.
    """
    # An order that was cancelled unpaid and reopened has gone back once by that name.
    reason = "refund" if order.has_expired else "cancellation"
    order.has_expired = False
    order_moves.move(session, actor, order, "cancelled", note=note)
    restock(session, order, actor.label, reason)
    coupons.release(session, order)
    abandoned_payments.let_go(session, order)
    refunding.reserve_all(session, order, actor=actor, reason=note[:500] or "order cancelled")


def restock(session: Session, order: Order, actor: str, reason: str) -> bool:
    """Put a locked order's copies back on sale; return False when they are already.

    ``reason`` for the ledger: ``cancellation``, or ``refund``. An order that was cancelled, paid
    late and reopened has used up the first.
    """
    if order.stock_returned:
        return False
    order.stock_returned = True
    copies = {item.book_id: item.quantity for item in order.items}
    stock.give_back(session, copies, order.id, actor, reason)
    session.flush()
    return True
