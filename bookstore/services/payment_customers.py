"""Who a user is at Stripe: made there with the first payment."""

import hashlib

from sqlalchemy import or_, select, update

from bookstore.extensions import db
from bookstore.gateways.payments import PaymentError, Payments
from bookstore.models import User
from bookstore.services import peer_users
from bookstore.unit_of_work import new_snapshot, unit_of_work


def get(provider: Payments, user_id: int, gone: str | None = None) -> str:
    """Return the id of the user's customer, made if there is none.

    Args:
        provider: who takes payments.
        user_id: whose it is.
        gone: one that is no longer at Stripe, to be replaced.

    Raises:
        PaymentError: Stripe cannot make one.
        PartUnavailable: nobody can say now who the user is.
    """
    found = db.session.scalar(select(User.stripe_customer_id).where(User.id == user_id))
    # Nothing of ours is held while others think: no transaction, no connection.
    new_snapshot()
    if found is not None and found != gone:
        return found
    user = peer_users.get_user(user_id)
    email, name = user.email, user.name
    new_snapshot()
    # The same person asked for twice at once has one key; one who has moved has another.
    digest = hashlib.sha256(f"{email}\n{name}".encode()).hexdigest()[:16]
    key = f"user:{user_id}:customer:{digest}"
    if gone is not None:
        # For a day the first key answers with the one that is gone.
        key += f":for:{gone}"
    made = provider.create_customer(email=email, name=name, user_id=user_id, key=key)
    old = User.stripe_customer_id
    with unit_of_work() as session:
        session.execute(
            update(User)
            .where(User.id == user_id, or_(old.is_(None), old == gone))
            .values(stripe_customer_id=made, updated_at=User.updated_at)
            .execution_options(synchronize_session=False)
        )
        kept = session.scalar(select(old).where(User.id == user_id))
    return kept or made


def is_gone(error: PaymentError) -> bool:
    """Return whether Stripe refused for want of the customer: deleted, or another account's."""
    return error.code == "resource_missing" and error.param == "customer"
