"""Paying an order: one live payment intent each, for the order's own amount.

The row is committed before Stripe is asked, and Stripe is asked outside any transaction; see
docs/decisions/0015-payments.md.
"""

import hashlib
import logging
from dataclasses import dataclass

from sqlalchemy import func, select, update

from bookstore import clock, errors
from bookstore.extensions import db, settings
from bookstore.gateways import payments as gateway
from bookstore.gateways.payments import Intent, PaymentError, Payments
from bookstore.models import Order, Payment, User
from bookstore.services import order_moves, vault
from bookstore.services.actors import SYSTEM, Acting, require_user
from bookstore.unit_of_work import new_snapshot, unit_of_work

log = logging.getLogger(__name__)

# Payment statuses of an order that may (again) be paid.
PAYABLE = ("unpaid", "failed", "processing")


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


@dataclass(frozen=True, slots=True)
class _Asked:
    """A payment row as plain values: what Stripe is, was or will be asked for."""

    payment_id: int
    order_id: int
    number: str
    attempt: int
    customer_id: str
    amount: int
    currency: str
    intent_id: str | None
    client_secret: bytes | None

    @property
    def key(self) -> str:
        return f"order:{self.number}:pay:{self.attempt}"


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
    provider = require_provider()
    order = db.session.get(Order, order_id, populate_existing=True)
    if order is None or order.user_id != user_id:
        raise errors.NotFound(f"There is no order {order_id}.")
    _require_payable(order)
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
    provider = require_provider()
    order = db.session.get(Order, order_id, populate_existing=True)
    if order is None:
        raise errors.NotFound(f"There is no order {order_id}.")
    if order.status == "cancelled" or order.payment_status not in PAYABLE:
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
            raise unavailable(error) from None
    try:
        return provider.retrieve_intent(payable.intent_id)
    except PaymentError as error:
        raise unavailable(error) from None


def require_provider() -> Payments:
    """Return who takes payments.

    Raises:
        PaymentsUnavailable: nobody, in production without a key.
    """
    found = gateway.provider()
    if found is None:
        raise errors.PaymentsUnavailable("This shop takes no payments: STRIPE_SECRET_KEY is unset.")
    return found


def make_sure(payment_id: int) -> str:
    """Return the id of the intent of a payment row, asking Stripe for it if it is not known.

    Raises:
        PaymentError: Stripe cannot say now.
    """
    with unit_of_work() as session:
        payment = session.get_one(Payment, payment_id)
        asked = _plain(payment, session.get_one(Order, payment.order_id).number)
    if asked.intent_id is None:
        asked = _ask(require_provider(), asked)
    return asked.intent_id or ""


def unavailable(error: PaymentError) -> errors.PaymentsUnavailable:
    """Log why Stripe did not answer as it should, and return what the client is told."""
    log.error("payment provider", extra={"why": str(error)})
    return errors.PaymentsUnavailable()


# -- inside ------------------------------------------------------------------------------------
def _payable(provider: Payments, order_id: int, user_id: int) -> Payable:
    try:
        customer_id = _customer(provider, user_id)
        asked = _open_row(order_id, customer_id)
        if asked.intent_id is None or asked.client_secret is None:
            asked = _ask(provider, asked)
    except PaymentError as error:
        if error.code == "amount_too_small":
            raise errors.OrderNotPayable("This order is too small to be paid by card.") from None
        raise unavailable(error) from None
    if asked.intent_id is None or asked.client_secret is None:
        raise errors.OrderNotPayable
    return Payable(
        vault.unseal(asked.client_secret),
        asked.intent_id,
        asked.amount,
        asked.currency,
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


def _open_row(order_id: int, customer_id: str) -> _Asked:
    """Return the order's live payment, made if there is none."""
    with unit_of_work() as session:
        order = order_moves.lock(session, SYSTEM, order_id)
        _require_payable(order)
        payment = session.scalar(
            select(Payment).where(Payment.order_id == order_id, Payment.is_live)
        )
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


def _plain(payment: Payment, number: str) -> _Asked:
    return _Asked(
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


def _ask(provider: Payments, asked: _Asked) -> _Asked:
    """Have Stripe make the intent, and write down which it is."""
    if asked.intent_id is not None:
        # Its first event was quicker than its answer: it is there, and not to be made again.
        intent = provider.retrieve_intent(asked.intent_id)
    else:
        intent = provider.create_intent(
            amount=asked.amount,
            currency=asked.currency,
            customer=asked.customer_id,
            metadata={
                "order_id": str(asked.order_id),
                "order_number": asked.number,
                "payment_id": str(asked.payment_id),
            },
            key=asked.key,
        )
    with unit_of_work() as session:
        payment = session.get_one(
            Payment, asked.payment_id, with_for_update=True, populate_existing=True
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
        return _plain(payment, asked.number)


def _require_payable(order: Order) -> None:
    if order.payment_status in ("paid", "partially_refunded", "refunded"):
        raise errors.AlreadyPaid
    too_late = (
        order.status == "pending"
        and order.expires_at is not None
        and order.expires_at <= clock.now()
    )
    if order.status == "cancelled" or order.payment_status not in PAYABLE or too_late:
        raise errors.OrderNotPayable
