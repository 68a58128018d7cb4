"""What Stripe tells us: each signed event takes effect once, whatever order they come in.

The event's id is written in the transaction of its effect. Only what is final, or newer than what
was seen last, changes anything; and where an order is already, it is left.
"""

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore import clock, errors, money
from bookstore.extensions import db
from bookstore.gateways.payments import (
    BadEvent,
    Event,
    Intent,
    PaymentError,
    Payments,
)
from bookstore.models import Order, Payment, StripeEvent
from bookstore.models.payments import FINAL
from bookstore.services import (
    disputes,
    order_moves,
    payments,
    refunding,
    reopening,
    reviewing,
)
from bookstore.services.actors import STRIPE
from bookstore.services.sql import upsert
from bookstore.unit_of_work import new_snapshot, unit_of_work

log = logging.getLogger(__name__)

# Order statuses of payment that another attempt may still change.
_OPEN = ("unpaid", "processing", "failed")
_FAILED = "payment_intent.payment_failed"
_ABOUT_REFUNDS = ("charge.refunded", "refund.created", "refund.updated", "refund.failed")


def receive(payload: bytes, signature: str) -> None:
    """Take an event, as it was posted to our endpoint.

    Raises:
        SignatureInvalid: Stripe did not sign it, or too long ago.
        PaymentsUnavailable: what it asks for cannot be looked up now; Stripe sends it again.
    """
    provider = payments.require_provider()
    try:
        event = provider.read_event(payload, signature)
        intent = event.intent
    except BadEvent as error:
        log.warning("no event", extra={"why": str(error)})
        raise errors.SignatureInvalid from None
    if intent is not None:
        if intent.status == "processing":
            # It may have failed within the same second, and an order must not wait for ever.
            intent = _asked_for(provider, intent.id)
        with unit_of_work() as session:
            if _is_new(session, event):
                settle(session, intent, event)
    elif event.type in _ABOUT_REFUNDS:
        _refunds_changed(provider, event)
    elif event.type.startswith("charge.dispute."):
        _disputes_changed(provider, event)


def settle(session: Session, intent: Intent, event: Event | None = None) -> bool:
    """Bring a payment and its order to where Stripe's intent stands; return whether one is ours.

    Args:
        session: of the present unit of work.
        intent: as Stripe has it, or had it at the time of the event.
        event: that brought it; None when it was just asked for, and is as new as can be.
    """
    found = _find(session, intent)
    if found is None:
        return False
    order, payment = found
    if payment.intent_id is None:
        payment.intent_id = intent.id
    if payment.status in FINAL and not (
        payment.status == "canceled" and intent.status == "succeeded"
    ):
        return True
    if intent.status == "succeeded":
        _succeeded(session, order, payment, intent)
    elif intent.status == "canceled":
        payment.status, payment.is_live, payment.is_unwanted = "canceled", False, False
        session.flush()
        if order.payment_status == "processing":
            _set_payment_status(session, order, "unpaid")
    elif (
        event is None or payment.last_event_at is None or event.created_at >= payment.last_event_at
    ):
        _under_way(session, order, payment, intent, event)
    session.flush()
    return True


def _under_way(
    session: Session, order: Order, payment: Payment, intent: Intent, event: Event | None
) -> None:
    """An attempt began, waits for the buyer, or failed."""
    payment.status = intent.status
    if event is not None:
        payment.last_event_at = event.created_at
    is_open = order.payment_status in _OPEN and order.status != "cancelled"
    failed = event is not None and event.type == _FAILED
    if intent.status == "requires_payment_method" and order.payment_status == "processing":
        # What was under way no longer is, whatever we were told of it.
        failed |= intent.failure_code is not None
        if is_open and not failed:
            _set_payment_status(session, order, "unpaid")
    if failed:
        payment.failure_code = intent.failure_code or "unknown"
        if is_open:
            order.payment_status = "failed"
            order.version += 1
            session.flush()
            order_moves.record_event(order, "payment.failed", reason=payment.failure_code)
    elif intent.status == "processing" and is_open and order.payment_status != "processing":
        _set_payment_status(session, order, "processing")


def _succeeded(session: Session, order: Order, payment: Payment, intent: Intent) -> None:
    payment.status, payment.amount_received = "succeeded", intent.amount_received
    # It is the currency that came in, and that goes back.
    payment.currency, payment.is_unwanted, payment.failure_code = intent.currency, False, None
    session.flush()
    shown = money.with_code(intent.amount_received, intent.currency)
    if order.payment_status == "review":
        # Disputed before we heard that it was paid, or paid again meanwhile: a person decides.
        reviewing.park(session, order, f"{shown} came in")
    elif order.payment_status not in _OPEN:
        # Paid twice, by two intents: one of them goes back.
        refunding.reserve(
            session, order, payment, intent.amount_received, actor=STRIPE, reason="paid twice"
        )
    elif intent.amount_received != order.total_amount or intent.currency != order.currency:
        due = money.with_code(order.total_amount, order.currency)
        reviewing.park(session, order, f"{shown} came in for {due}")
    elif order.status == "cancelled" and not reopening.reopen(session, order):
        order.payment_status, order.paid_at = "paid", clock.now()
        order.version += 1
        order_moves.write_history(
            session, STRIPE, order, order.status, f"{shown} came in too late and go back"
        )
        session.flush()
        refunding.reserve(
            session, order, payment, intent.amount_received, actor=STRIPE, reason="paid too late"
        )
    else:
        order.payment_status, order.paid_at = "paid", clock.now()
        order.version += 1
        session.flush()
        order_moves.record_event(order, "order.paid")
        if order.status == "pending":
            order_moves.move(session, STRIPE, order, "processing", note=f"paid: {shown}")


def _set_payment_status(session: Session, order: Order, status: str) -> None:
    """Change how the payment of a locked order stands, and show it to who follows the order."""
    order.payment_status = status
    order.version += 1
    session.flush()
    order_moves.publish(order)


def _find(session: Session, intent: Intent) -> tuple[Order, Payment] | None:
    """Lock and return the order and payment of an intent; None for one that is not ours.

    Known by its id, or by what we wrote into it: its first event may be here before the answer to
    the request that made it.
    """
    which = Payment.intent_id == intent.id
    ours = intent.metadata.get("payment_id", "")
    if ours.isdecimal() and len(ours) < 19:
        which = which | ((Payment.id == int(ours)) & Payment.intent_id.is_(None))
    row = session.execute(select(Payment.id, Payment.order_id).where(which)).first()
    if row is not None:
        order, payment = payments.lock_payment(session, row.order_id, row.id)
        # Another shop on the same account counts its payments as we do.
        if intent.id == payment.intent_id or (
            payment.intent_id is None and intent.metadata.get("order_number") == order.number
        ):
            return order, payment
    log.info("an intent that is not ours", extra={"intent": intent.id})
    return None


def _refunds_changed(provider: Payments, event: Event) -> None:
    """Read back all refunds of the payment: the event itself says too little of them.

    Asked for before the transaction. Should a newer event be handled meanwhile, rows that it moved
    on are left alone.
    """
    intent_id = event.object.get("payment_intent")
    missed = _missed(provider, intent_id)
    try:
        states = provider.list_refunds(intent_id) if intent_id else []
    except PaymentError as error:
        raise payments.unavailable(error) from None
    with unit_of_work() as session:
        if not _is_new(session, event):
            return
        if missed is not None:
            settle(session, missed)
        if states:
            refunding.apply(str(intent_id), states)


def _disputes_changed(provider: Payments, event: Event) -> None:
    """Read back all disputes of the payment, as for refunds."""
    intent_id = event.object.get("payment_intent")
    missed = _missed(provider, intent_id)
    try:
        states = provider.list_disputes(intent_id) if intent_id else []
    except PaymentError as error:
        raise payments.unavailable(error) from None
    with unit_of_work() as session:
        if not _is_new(session, event):
            return
        if missed is not None:
            settle(session, missed)
        disputes.apply(str(intent_id), states, event.created_at)


def _missed(provider: Payments, intent_id: str | None) -> Intent | None:
    """Return the intent of a later event, when we have yet to hear that it was paid."""
    new_snapshot()
    status = db.session.scalar(select(Payment.status).where(Payment.intent_id == intent_id))
    new_snapshot()
    return None if intent_id is None or status in FINAL else _asked_for(provider, intent_id)


def _asked_for(provider: Payments, intent_id: str) -> Intent:
    try:
        return provider.retrieve_intent(intent_id)
    except PaymentError as error:
        raise payments.unavailable(error) from None


def _is_new(session: Session, event: Event) -> bool:
    """Claim an event; False when it has taken effect before. A second one waits here."""
    claimed = session.execute(
        upsert(session, StripeEvent)
        .values(
            id=event.id, type=event.type[:80], created_at=event.created_at, received_at=clock.now()
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(StripeEvent.id)
    ).first()
    return claimed is not None
