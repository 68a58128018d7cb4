"""Jobs about money. Each may be run twice: what is done is left alone."""

from bookstore import errors
from bookstore.services import (
    abandoned_payments,
    confirmations,
    expiry,
    paying,
    reconciliation,
    refunding,
)


def process_order_payment(order_id: int, payment_method_id: str) -> None:
    """Pay an order with a payment method that its buyer has stored at Stripe.

    A card that is declined is no fault of the job: Stripe's event tells the buyer. What Stripe
    refuses for good is logged, and not tried again.

    Raises:
        NotFound: there is no such order.
        PaymentsUnavailable: Stripe cannot be asked now; RQ tries again.
    """
    try:
        paying.pay(order_id, payment_method_id)
    except (errors.CardDeclined, errors.OrderNotPayable):
        return


def send_order_confirmation_email(order_id: int) -> None:
    """Have the confirmation of an order sent, unless it was, or its buyer wants none.

    Raises:
        NotFound: there is no such order.
    """
    confirmations.send(order_id)


def send_refunds() -> None:
    """Have Stripe give back what was promised."""
    refunding.send_due()


def drop_payments() -> None:
    """Cancel at Stripe the intents of orders that are gone."""
    abandoned_payments.drop()


def look_after_payments() -> None:
    """Cancel orders that nobody paid in time, and have refunds and cancelled intents go out that
    something kept from it; twice a minute."""
    expiry.expire_orders()
    refunding.wake_if_due()
    abandoned_payments.wake_if_any()


def reconcile_payments() -> None:
    """Compare the last day's payments with Stripe, mend what is only late, and tell staff."""
    reconciliation.reconcile_day()
