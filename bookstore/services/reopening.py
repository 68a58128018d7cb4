"""An order that ran out of time and was paid after all."""

from sqlalchemy.orm import Session

from bookstore import errors
from bookstore.gateways import queue
from bookstore.models import Email, Order
from bookstore.services import cart_lines, coupons, order_moves, stock
from bookstore.services.actors import STRIPE
from bookstore.unit_of_work import after_commit


def reopen(session: Session, order: Order) -> bool:
    """Take the copies of a locked, expired order again, and its coupons; False if that cannot be.

    One that somebody cancelled on purpose stays cancelled.
    """
    if not (order.has_expired and order.stock_returned):
        return False
    copies = {item.book_id: item.quantity for item in order.items}
    # As for a new order: the user, the cart, then the books, then the coupons.
    cart_lines.hold_for_order(session, order.user_id)
    try:
        # Undone if a copy or a coupon is missing; the payment is still to be written down.
        with session.begin_nested():
            stock.take(session, copies, order.id, STRIPE.label, reason="reopening")
            coupons.reclaim(session, order)
    except (errors.OutOfStock, errors.CouponInvalid):
        return False
    # Not a move that anybody may make: for the buyer the order was never gone.
    order_moves.write_history(session, STRIPE, order, "pending", "paid after all")
    order.status, order.stock_returned = "pending", False
    # The last that the buyer read is that it was cancelled.
    about = {"order_id": order.id, "number": order.number}
    session.add(Email(user_id=order.user_id, template="order_reopened", data=about))
    session.flush()
    after_commit(queue.wake)
    return True
