"""Attempts to be paid: a row each, and its intent at Stripe. An order has one live one at most.

The row is committed before Stripe is asked, and Stripe is asked outside any transaction; see
docs/decisions/0015-payments.md. What is done with them is in ``paying``.
"""

import logging
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bookstore import clock, errors, money
from bookstore.gateways import payments as gateway
from bookstore.gateways.payments import PaymentError, Payments
from bookstore.models import Order, Payment
from bookstore.services import order_moves, vault
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work

log = logging.getLogger(__name__)

# Payment statuses of an order that may (again) be paid.
PAYABLE = ("unpaid", "failed", "processing")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A payment row as plain values: what Stripe is, was or will be asked for.

    ``nth`` counts an order's attempts; ``client_secret`` is sealed.
    """

    payment_id: int
    order_id: int
    number: str
    nth: int
    customer_id: str
    amount: int
    currency: str
    intent_id: str | None
    client_secret: bytes | None

    @property
    def key(self) -> str:
        """The idempotency key that Stripe is asked with."""
        return f"order:{self.number}:pay:{self.nth}"


def require_provider() -> Payments:
    """Return who takes payments.

    Raises:
        PaymentsUnavailable: nobody, in production without a key.
    """
    found = gateway.provider()
    if found is None:
        raise errors.PaymentsUnavailable("This shop takes no payments: STRIPE_SECRET_KEY is unset.")
    return found


def unavailable(error: PaymentError) -> errors.PaymentsUnavailable:
    """Log why Stripe did not answer as it should, and return what the client is told."""
    log.error("payment provider", extra={"why": str(error)})
    return errors.PaymentsUnavailable()


def require_payable(order: Order) -> None:
    """Refuse an order that cannot be paid (any more).

    Raises:
        AlreadyPaid: nothing is left to pay.
        OrderNotPayable: it is cancelled, in review, or its time to be paid has run out.
    """
    if order.payment_status in ("paid", "partially_refunded", "refunded"):
        raise errors.AlreadyPaid
    too_late = (
        order.status == "pending"
        and order.expires_at is not None
        and order.expires_at <= clock.now()
    )
    if order.status == "cancelled" or order.payment_status not in PAYABLE or too_late:
        raise errors.OrderNotPayable


def require_chargeable(total: int, currency: str) -> None:
    """Refuse what no card can be charged; what costs nothing has not to be.

    Args:
        total: in minor units.
        currency: of it.

    Raises:
        OrderNotPayable: too little, or too much.
    """
    least, most = money.charge_limits(currency)
    if total == 0 or least <= total <= most:
        return
    limit, word = (least, "less") if total < least else (most, "more")
    raise errors.OrderNotPayable(
        f"This order costs {money.with_code(total, currency)}. A card cannot be charged {word} than"
        f" {money.with_code(limit, currency)}."
    )


def open_attempt(order_id: int, customer_id: str, gone: str | None = None) -> Attempt:
    """Return an order's live attempt, made for this customer if there is none.

    One that was begun for a customer who is ``gone``, and has no intent, is over: a key is for one
    question, and another customer makes it another question.

    Raises:
        AlreadyPaid, OrderNotPayable: as ``require_payable``.
    """
    with unit_of_work() as session:
        order = order_moves.lock(session, SYSTEM, order_id)
        require_payable(order)
        payment = session.scalar(
            select(Payment).where(Payment.order_id == order_id, Payment.is_live)
        )
        if payment is not None and payment.customer_id == gone and payment.intent_id is None:
            payment.status, payment.is_live = "canceled", False
            session.flush()
            payment = None
        if payment is None:
            last = session.scalar(
                select(func.max(Payment.attempt)).where(Payment.order_id == order_id)
            )
            payment = Payment(
                order_id=order_id,
                attempt=(last or 0) + 1,
                customer_id=customer_id,
                amount=order.total_amount,
                currency=order.currency,
            )
            session.add(payment)
            session.flush()
        return _plain(payment, order.number)


def with_intent(provider: Payments, attempt: Attempt) -> Attempt:
    """Return an attempt whose intent and secret are known, having Stripe make it if need be.

    Raises:
        PaymentError: Stripe does not.
    """
    if attempt.intent_id is not None and attempt.client_secret is not None:
        return attempt
    return _ask(provider, attempt)


def lock(session: Session, intent_id: str) -> tuple[Order, Payment] | None:
    """Lock the order and the payment of an intent, and return both; None if it is not ours."""
    query = select(Payment.id, Payment.order_id).where(Payment.intent_id == intent_id)
    row = session.execute(query).first()
    return None if row is None else lock_payment(session, row.order_id, row.id)


def lock_payment(session: Session, order_id: int, payment_id: int) -> tuple[Order, Payment]:
    """Lock an order, then a payment of its, and return them as they are now."""
    order = session.get_one(Order, order_id, with_for_update=True, populate_existing=True)
    payment = session.get_one(Payment, payment_id, with_for_update=True, populate_existing=True)
    return order, payment


def make_sure(payment_id: int) -> str:
    """Return the id of the intent of a payment row, asking Stripe for it if it is not known.

    Raises:
        PaymentError: Stripe cannot say now.
    """
    with unit_of_work() as session:
        payment = session.get_one(Payment, payment_id)
        attempt = _plain(payment, session.get_one(Order, payment.order_id).number)
    if attempt.intent_id is None:
        attempt = _ask(require_provider(), attempt)
    return attempt.intent_id or ""


# -- inside ------------------------------------------------------------------------------------
def _plain(payment: Payment, number: str) -> Attempt:
    return Attempt(
        payment.id,
        payment.order_id,
        number,
        payment.attempt,
        payment.customer_id,
        payment.amount,
        payment.currency,
        payment.intent_id,
        payment.client_secret,
    )


def _ask(provider: Payments, attempt: Attempt) -> Attempt:
    """Have Stripe make the intent, and write down which it is."""
    if attempt.intent_id is not None:
        # Its first event was quicker than its answer: it is there, and not to be made again.
        intent = provider.retrieve_intent(attempt.intent_id)
    else:
        intent = provider.create_intent(
            amount=attempt.amount,
            currency=attempt.currency,
            customer=attempt.customer_id,
            metadata={
                "order_id": str(attempt.order_id),
                "order_number": attempt.number,
                "payment_id": str(attempt.payment_id),
            },
            key=attempt.key,
        )
    with unit_of_work() as session:
        payment = session.get_one(
            Payment, attempt.payment_id, with_for_update=True, populate_existing=True
        )
        # Two may come back with different ones, when Stripe had trouble with the first. The one
        # whose secret is written down first is the order's; that of the other nobody ever sees.
        if payment.client_secret is None:
            payment.intent_id = intent.id
            if intent.client_secret is not None:
                payment.client_secret = vault.seal(intent.client_secret)
            # An event may have been here before, and knows more of how it stands.
            if payment.status == "new":
                payment.status = intent.status
        session.flush()
        return _plain(payment, attempt.number)
