"""Paying an order: one live payment intent each, for the order's own amount."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update

from bookstore import clock, errors
from bookstore.extensions import db, settings
from bookstore.gateways.payments import Intent, PaymentError, Payments
from bookstore.models import Order, Payment
from bookstore.models.payments import FINAL
from bookstore.services import order_moves, payment_customers, payment_events, payments, vault
from bookstore.services.actors import SYSTEM, Acting, require_user
from bookstore.services.payments import Attempt
from bookstore.unit_of_work import new_snapshot, unit_of_work

log = logging.getLogger(__name__)

# For so long what was heard of an intent is good.
FRESH = timedelta(seconds=60)

# What buyers are told when Stripe refuses for good.
_NOT_TAKEN = "The payment provider does not take this payment. Please ask the shop."
_WHY_NOT = {
    "amount_too_small": "This order is too small to be paid by card.",
    "amount_too_large": "This order is too large to be paid by card.",
}


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

    However often and by however many at once it is asked, an order has one. One of which nothing
    was heard for a minute is looked at first: if it is paid or cancelled, the order learns of it.

    Raises:
        NotFound: there is no such order of the actor's.
        AlreadyPaid: nothing is left to pay.
        OrderNotPayable: it is cancelled, in review, or its time to be paid has run out; or Stripe
            refuses it for good.
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
        OrderNotPayable: Stripe refuses this for good.
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
            raise _refused(error, order_id) from None
    try:
        return provider.retrieve_intent(payable.intent_id)
    except PaymentError as error:
        raise payments.unavailable(error) from None


# -- inside ------------------------------------------------------------------------------------
def _payable(provider: Payments, order_id: int, user_id: int) -> Payable:
    _catch_up(provider, order_id)
    try:
        attempt = _attempt(provider, order_id, user_id)
    except PaymentError as error:
        raise _refused(error, order_id) from None
    if attempt.intent_id is None or attempt.client_secret is None:
        raise errors.OrderNotPayable
    return Payable(
        vault.unseal(attempt.client_secret),
        attempt.intent_id,
        attempt.amount,
        attempt.currency,
        settings().stripe_publishable_key if settings().stripe_secret_key else None,
    )


def _catch_up(provider: Payments, order_id: int) -> None:
    """Bring the order's live payment to where Stripe has its intent: an event may have got lost.

    What was heard of lately is left as it is; so is everything when Stripe cannot say.
    """
    unsure = select(Payment.id, Payment.intent_id, Payment.updated_at).where(
        Payment.order_id == order_id,
        Payment.is_live,
        Payment.intent_id.is_not(None),
        Payment.status.not_in(FINAL),
        Payment.updated_at < clock.now() - FRESH,
    )
    row = db.session.execute(unsure).first()
    # As everywhere: Stripe is asked outside any transaction.
    new_snapshot()
    if row is None:
        return
    try:
        intent = provider.retrieve_intent(row.intent_id)
    except PaymentError as error:
        log.warning("intent not looked at", extra={"order_id": order_id, "why": str(error)})
        return
    with unit_of_work() as session:
        order_moves.lock(session, SYSTEM, order_id)
        now = session.scalar(select(Payment.updated_at).where(Payment.id == row.id))
        if now != row.updated_at and intent.status not in FINAL:
            return  # an event came meanwhile, and may know more
        payment_events.settle(session, intent)
        # What has not changed was heard of all the same: not to be asked for at every click.
        session.execute(
            update(Payment)
            .where(Payment.id == row.id)
            .values(updated_at=clock.now())
            .execution_options(synchronize_session=False)
        )


def _attempt(provider: Payments, order_id: int, user_id: int) -> Attempt:
    """Return the order's live attempt, with its intent at Stripe."""
    attempt = payments.open_attempt(order_id, payment_customers.get(provider, user_id))
    try:
        return payments.with_intent(provider, attempt)
    except PaymentError as error:
        if not payment_customers.is_gone(error):
            raise
        log.warning("customer is gone", extra={"user_id": user_id, "why": str(error)})
    gone = attempt.customer_id
    customer_id = payment_customers.get(provider, user_id, gone)
    return payments.with_intent(provider, payments.open_attempt(order_id, customer_id, gone))


def _refused(error: PaymentError, order_id: int) -> errors.BookstoreError:
    """Log why Stripe did not do it, and return what the client is told: to ask again, or not to."""
    if not error.final:
        return payments.unavailable(error)
    about = {"order_id": order_id, "why": str(error)}
    log.error("refused by the payment provider", extra=about)
    return errors.OrderNotPayable(_WHY_NOT.get(error.code or "", _NOT_TAKEN))
