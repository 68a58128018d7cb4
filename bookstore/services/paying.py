"""Paying an order: one live payment intent each, for the order's own amount."""

import logging
from dataclasses import dataclass

from bookstore import errors
from bookstore.extensions import db, settings
from bookstore.gateways.payments import Intent, PaymentError, Payments
from bookstore.models import Order
from bookstore.services import payment_customers, payments, vault
from bookstore.services.actors import Acting, require_user
from bookstore.services.payments import Attempt

log = logging.getLogger(__name__)

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

    However often and by however many at once it is asked, an order has one.

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
