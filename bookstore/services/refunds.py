"""Refunds as staff ask for them, and as buyers see them; ``refunding`` moves the money."""

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from bookstore import errors, money
from bookstore.extensions import db
from bookstore.models import Order, Refund
from bookstore.services import cancellations, order_moves, refunding
from bookstore.services.actors import Acting, require_staff
from bookstore.unit_of_work import unit_of_work


def request(
    actor: Acting,
    order_id: int,
    amount: int | None = None,
    *,
    reason: str = "",
    restock: bool = False,
    seen_left: int | None = None,
) -> Refund:
    """Refund an order's payment (staff), and return the row; the money follows at once.

    Args:
        actor: staff.
        order_id: an order that was paid.
        amount: in minor units; None for whatever is left.
        reason: for the history and the receipt: the buyer reads it.
        restock: put the order's copies back on sale too; it cannot be sent then.
        seen_left: refuse unless so much can still be refunded at once: two who give the same money
            back would give it twice.

    Raises:
        NotFound: there is no such order.
        RefundExceedsPayment: more than what is left of what was paid (by one payment), or a bank
            has it, by a dispute.
        PreconditionFailed: something else can be refunded than what was seen.
        AlreadyRestocked: with ``restock``, when the copies are on sale again already.
    """
    require_staff(actor)
    with unit_of_work() as session:
        order = order_moves.lock(session, actor, order_id)
        paid = refunding.paid(session, order_id)
        left = [payment.refundable for payment in paid]
        if seen_left is not None and seen_left != max(left, default=0):
            raise errors.PreconditionFailed("Money has come or gone back meanwhile.")
        wanted = sum(left) if amount is None else amount
        # From one payment: what was paid twice by mistake is given back by itself.
        chosen = next((p for p, rest in zip(paid, left, strict=True) if rest >= wanted > 0), None)
        if chosen is None:
            raise errors.RefundExceedsPayment(
                refundable=money.to_text(max(left, default=0), order.currency)
            )
        refund = refunding.reserve(session, order, chosen, wanted, actor=actor, reason=reason)
        if restock:
            if not cancellations.restock(session, order, actor.label, "refund"):
                raise errors.AlreadyRestocked
            refund.restock = True
        currency = chosen.currency
        note = f"refund of {money.with_code(wanted, currency)}"
        order_moves.write_history(
            session, actor, order, order.status, f"{note}: {reason}" if reason else note
        )
        session.flush()
        return refund


def list_refunds(actor: Acting, order_id: int) -> list[Refund]:
    """Return the refunds of an order of the actor's (staff: any), oldest first.

    Raises:
        NotFound: there is no such order, or it is another's.
    """
    query = select(Order).options(selectinload(Order.items)).where(Order.id == order_id)
    if db.session.scalar(order_moves.visible(query, actor)) is None:
        raise errors.NotFound(f"There is no order {order_id}.")
    rows = select(Refund).where(Refund.order_id == order_id).order_by(Refund.id)
    return list(db.session.scalars(rows))
