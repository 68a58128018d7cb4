"""Paying an order: one live payment intent each, for the order's own amount."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import select, update

from bookstore import errors
from bookstore.extensions import db, settings
from bookstore.gateways.payments import Intent, PaymentError, Payments
from bookstore.models import Order, User
from bookstore.services import payments, vault
from bookstore.services.actors import Acting, require_user
from bookstore.unit_of_work import new_snapshot, unit_of_work


@dataclass(frozen=True, slots=True)
class Payable:
    """What a browser needs to pay: the secret of the intent, amount in minor units, currency.

    ``publishable_key`` is None while test cards are taken.
    """

    client_secret: str
    intent_id: str
    amount: int
    currency: str
    publishable_key: str | None


def open_intent(actor: Acting, order_id: int) -> Payable:
    """Return the payment intent of one's own order, made at Stripe if there is none yet.

    However often and by however many at once it is asked, an order has one.

    Raises:
        NotFound: there is no such order of the actor's.
        AlreadyPaid: nothing is left to pay.
        OrderNotPayable: it is cancelled, in review, or its time to be paid has run out.
        PaymentsUnavailable: Stripe cannot be asked now; nothing is lost, ask again.
    """
    user_id = require_user(actor)
    provider = payments.require_provider()
    order = db.session.get(Order, order_id, populate_existing=True)
    if order is None or order.user_id != user_id:
        raise errors.NotFound(f"There is no order {order_id}.")
    payments.require_payable(order)
    return _payable(provider, order_id, user_id)


def pay(order_id: int, payment_method_id: str) -> Intent | None:
    """Pay an order with a payment method that its buyer has stored at Stripe.

    Safe to run again: the same method is charged once. Its event settles the order, as always.

    Returns:
        What became of it; None when there is nothing (more) to pay.

    Raises:
        NotFound: there is no such order.
        CardDeclined: with ``decline_code``; the order may be paid otherwise.
        PaymentsUnavailable: Stripe cannot be asked now.
    """
    provider = payments.require_provider()
    order = db.session.get(Order, order_id, populate_existing=True)
    if order is None:
        raise errors.NotFound(f"There is no order {order_id}.")
    if order.status == "cancelled" or order.payment_status not in payments.PAYABLE:
        return None
    number = order.number
    try:
        payable = _payable(provider, order_id, order.user_id)
    except (errors.AlreadyPaid, errors.OrderNotPayable):
        return None
    key = f"{payable.intent_id}:confirm:{payment_method_id}"
    try:
        return provider.confirm_intent(
            payable.intent_id,
            payment_method=payment_method_id,
            return_url=f"{settings().shop_url}/track/{number}",
            key=key,
        )
    except PaymentError as error:
        if error.decline_code is not None:
            raise errors.CardDeclined(decline_code=error.decline_code) from None
        if error.code != "payment_intent_unexpected_state":
            raise payments.unavailable(error) from None
    try:
        return provider.retrieve_intent(payable.intent_id)
    except PaymentError as error:
        raise payments.unavailable(error) from None


# -- inside ------------------------------------------------------------------------------------
def _payable(provider: Payments, order_id: int, user_id: int) -> Payable:
    try:
        attempt = payments.open_attempt(order_id, _customer(provider, user_id))
        attempt = payments.with_intent(provider, attempt)
    except PaymentError as error:
        if error.code == "amount_too_small":
            raise errors.OrderNotPayable("This order is too small to be paid by card.") from None
        raise payments.unavailable(error) from None
    if attempt.intent_id is None or attempt.client_secret is None:
        raise errors.OrderNotPayable
    return Payable(
        vault.unseal(attempt.client_secret),
        attempt.intent_id,
        attempt.amount,
        attempt.currency,
        settings().stripe_publishable_key if settings().stripe_secret_key else None,
    )


def _customer(provider: Payments, user_id: int) -> str:
    """Return who the user is at Stripe, made there with the first payment."""
    user = db.session.get_one(User, user_id)
    found, email = user.stripe_customer_id, user.email
    name = f"{user.first_name} {user.last_name}".strip() or user.username
    # Nothing of ours is held while Stripe thinks: no transaction, no connection.
    new_snapshot()
    if found is not None:
        return found
    # The same person asked for twice at once has one key; one who has moved has another.
    digest = hashlib.sha256(f"{email}\n{name}".encode()).hexdigest()[:16]
    made = provider.create_customer(
        email=email, name=name, user_id=user_id, key=f"user:{user_id}:customer:{digest}"
    )
    with unit_of_work() as session:
        session.execute(
            update(User)
            .where(User.id == user_id, User.stripe_customer_id.is_(None))
            .values(stripe_customer_id=made, updated_at=User.updated_at)
            .execution_options(synchronize_session=False)
        )
        kept = session.scalar(select(User.stripe_customer_id).where(User.id == user_id))
    return kept or made
