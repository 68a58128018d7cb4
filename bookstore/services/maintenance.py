"""What has to be thrown away from time to time; safe at any moment and as often as one likes."""

from datetime import timedelta

from sqlalchemy import delete, select

from bookstore import clock
from bookstore.models import LoginSession, ShoppingCart
from bookstore.services import event_log, idempotency, outgoing_upkeep
from bookstore.unit_of_work import unit_of_work

# A guest who has not touched the cart for so long has forgotten it, or lost the token.
GUEST_CART_LIFETIME = timedelta(days=30)
_BATCH = 1000


def run() -> dict[str, int]:
    """Delete what is past its time and return how many of each."""
    # Nothing to delete, but due from time to time as well: does work after a restore only.
    event_log.repair_order()
    return {
        "idempotency keys": idempotency.forget_old(),
        "login sessions": _forget_sessions(),
        "guest carts": _forget_guest_carts(),
        "events": outgoing_upkeep.forget_events(),
    }


def _forget_sessions() -> int:
    with unit_of_work() as session:
        gone = session.execute(
            delete(LoginSession)
            .where(LoginSession.expires_at < clock.now())
            .returning(LoginSession.id)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all())


def _forget_guest_carts() -> int:
    count, gone = 0, _BATCH
    while gone == _BATCH:
        idle = ShoppingCart.updated_at < clock.now() - GUEST_CART_LIFETIME
        some = (
            select(ShoppingCart.id)
            .where(ShoppingCart.token_hash.is_not(None), idle)
            .order_by(ShoppingCart.updated_at)
            .limit(_BATCH)
        )
        with unit_of_work() as session:
            # Asked again: it may have been touched since it was looked at.
            rows = session.execute(
                delete(ShoppingCart)
                .where(ShoppingCart.id.in_(some), idle)
                .returning(ShoppingCart.id)
                .execution_options(synchronize_session=False)
            )
            gone = len(rows.all())
        count += gone
    return count
