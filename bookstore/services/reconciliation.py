"""Our payments and refunds compared with Stripe's, both ways.

What looks different in the lists is looked at once more by itself, newly asked for, before anything
is said of it: an event may just be on its way.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import or_, select

from bookstore import clock, errors, money
from bookstore.extensions import db
from bookstore.gateways.payments import Intent, PaymentError, Payments, RefundState
from bookstore.models import Order, Payment, Refund
from bookstore.models.payments import FINAL
from bookstore.services import payment_events, payments, refunding, staff_mail
from bookstore.unit_of_work import new_snapshot, unit_of_work

log = logging.getLogger(__name__)

T = TypeVar("T")
_BATCH = 100
# A request that is under way, and clocks that differ: so much our rows may be older than Stripe's.
ROOM = timedelta(minutes=15)
_REFUND_STATUS = {"requires_action": "pending", "canceled": "failed"}


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that we and Stripe hold to be different, in words: ids, and what each says."""

    intent_id: str
    text: str


def reconcile_day() -> list[Difference]:
    """Compare what was paid since this time yesterday; without a provider, nothing."""
    now = clock.now()
    try:
        # Two runs overlap: what was made while one ran is seen by the next.
        return reconcile(now - timedelta(days=1) - ROOM, now)
    except errors.PaymentsUnavailable:
        log.warning("not reconciled: no payments are taken")
        return []


def reconcile(since: datetime, until: datetime) -> list[Difference]:
    """Compare payments and refunds of a stretch of time; mend what is only late, tell of the rest.

    What events did not tell is taken from Stripe: orders are paid, reopened, refunds written down.
    What differs still is logged, mailed to staff and returned.

    Raises:
        PaymentsUnavailable: Stripe cannot say now.
    """
    provider = payments.require_provider()
    found: list[Difference] = []
    try:
        for intent_id in suspects(provider, since, until):
            _mend(provider, intent_id)
            found += examine(provider, intent_id)
    except PaymentError as error:
        log.warning("not reconciled", extra={"why": str(error)})
        raise errors.PaymentsUnavailable from None
    for one in found:
        log.error("payments differ", extra={"intent": one.intent_id, "why": one.text})
    if found:
        told = [one.text for one in found[:_BATCH]]
        with unit_of_work() as session:
            about = {"differences": told, "count": len(found)}
            staff_mail.tell(session, "payments_differ", about)
    return found


def suspects(provider: Payments, since: datetime, until: datetime) -> list[str]:
    """Return the ids of intents that look different in the lists of the two sides.

    Args:
        provider: who takes payments.
        since: of what was made from then on (and of what is unfinished from before).
        until: before then.

    Raises:
        PaymentError: Stripe cannot say now.
    """
    odd: dict[str, None] = {}
    listed: set[str] = set()
    for intents in _batches(provider.list_intents(since, until)):
        listed.update(intent.id for intent in intents)
        rows = _payments(intent.id for intent in intents)
        odd |= dict.fromkeys(i.id for i in intents if _compare(i, rows.get(i.id)))
    done: set[str] = set()
    for states in _batches(provider.list_refunds_made(since, until)):
        done.update(state.id for state in states)
        kept = _refunds(state.id for state in states)
        odd |= dict.fromkeys(
            s.intent_id for s in states if s.intent_id and _differs(s, kept.get(s.id))
        )
    ours = (Payment.created_at >= since + ROOM) & (Payment.created_at < until - ROOM)
    open_since_long = Payment.status.not_in(FINAL) & (Payment.created_at < since + ROOM)
    for row in _by_id(Payment.id, Payment.intent_id, or_(ours, open_since_long)):
        if row.intent_id is not None and row.intent_id not in listed:
            odd[row.intent_id] = None
    mine = (Refund.created_at >= since + ROOM) & (Refund.created_at < until - ROOM)
    for row in _by_id(Refund.id, Refund.refund_id, mine | (Refund.status == "pending")):
        if row.refund_id is not None and row.refund_id not in done:
            odd |= dict.fromkeys(_intent_of(row.refund_id))
    return list(odd)


def examine(provider: Payments, intent_id: str) -> list[Difference]:
    """Return how an intent, as Stripe has it now, differs from what we have of it.

    Raises:
        PaymentError: Stripe cannot say now.
    """
    new_snapshot()
    try:
        intent = provider.retrieve_intent(intent_id)
    except PaymentError as error:
        if error.code != "resource_missing":
            raise
        row = _payments([intent_id]).get(intent_id)
        return [] if row is None else [Difference(intent_id, f"{_of(row)} is not at Stripe")]
    states = provider.list_refunds(intent_id) if intent.amount_received else []
    row = _payments([intent_id]).get(intent_id)
    texts = _compare(intent, row)
    if row is not None:
        texts += _compare_refunds(row, states)
    return [Difference(intent_id, text) for text in texts]


# -- inside ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Kept:
    payment: Payment
    number: str  # of its order


def _mend(provider: Payments, intent_id: str) -> None:
    """Do what events should have had us do."""
    try:
        intent = provider.retrieve_intent(intent_id)
        states = provider.list_refunds(intent_id) if intent.amount_received else []
    except PaymentError as error:
        if error.code != "resource_missing":
            raise
        return
    try:
        with unit_of_work() as session:
            payment_events.settle(session, intent)
            refunding.apply(intent_id, states)
    except errors.BookstoreError as error:
        # Refunds at Stripe that exceed what is left of ours, say: for a person.
        log.warning("not mended", extra={"intent": intent_id, "why": str(error)})


def _compare(intent: Intent, row: _Kept | None) -> list[str]:
    """Return in words how an intent and its row differ."""
    if row is None:
        number = intent.metadata.get("order_number")
        known = number is not None and db.session.scalar(
            select(Order.id).where(Order.number == number)
        )
        if not known or intent.status == "canceled":
            return []  # another shop's, or nothing that anybody can pay
        return [f"Stripe has {intent.id} for order {number} ({intent.status}), we have no such"]
    payment, found = row.payment, []
    if _class(payment.status) != _class(intent.status):
        found.append(f"{_of(row)}: {payment.status} here, {intent.status} at Stripe")
    # Once it is paid, what came in counts, and that is compared with the order at once.
    paid = payment.status == intent.status == "succeeded"
    here = payment.amount_received if paid else payment.amount
    there = intent.amount_received if paid else intent.amount
    if (here, payment.currency) != (there, intent.currency):
        ours, theirs = (
            money.with_code(here, payment.currency),
            money.with_code(there, intent.currency),
        )
        found.append(f"{_of(row)}: {ours} here, {theirs} at Stripe")
    return found


def _compare_refunds(row: _Kept, states: list[RefundState]) -> list[str]:
    payment, found = row.payment, []
    kept = {
        refund.refund_id: refund
        for refund in db.session.scalars(
            select(Refund).where(Refund.payment_id == payment.id, Refund.refund_id.is_not(None))
        )
    }
    for state in states:
        refund = kept.pop(state.id, None)
        if _differs(state, refund):
            theirs = f"{money.with_code(state.amount, state.currency)} {state.status}"
            ours = refund and f"{money.with_code(refund.amount, refund.currency)} {refund.status}"
            found.append(
                f"{_of(row)}: refund {state.id} is {theirs} at Stripe, {ours or 'unknown'} here"
            )
    found += [
        f"{_of(row)}: refund {refund.id} ({refund.refund_id}) is not at Stripe"
        for refund in kept.values()
        if refund.status != "failed"
    ]
    return found


def _differs(state: RefundState, refund: Refund | None) -> bool:
    status = _REFUND_STATUS.get(state.status, state.status)
    if refund is None:
        return status != "failed"
    return (status, state.amount) != (refund.status, refund.amount)


def _payments(intent_ids: Iterable[str]) -> dict[str, _Kept]:
    """Return intent id → (payment, number of its order), as they are now."""
    query = (
        select(Payment, Order.number)
        .join(Order, Order.id == Payment.order_id)
        .where(Payment.intent_id.in_(list(intent_ids)))
        .execution_options(populate_existing=True)
    )
    new_snapshot()
    return {
        str(payment.intent_id): _Kept(payment, number)
        for payment, number in db.session.execute(query)
    }


def _refunds(refund_ids: Iterable[str]) -> dict[str, Refund]:
    query = select(Refund).where(Refund.refund_id.in_(list(refund_ids)))
    new_snapshot()
    rows = db.session.scalars(query.execution_options(populate_existing=True))
    return {str(row.refund_id): row for row in rows}


def _intent_of(refund_id: str) -> Iterator[str]:
    query = select(Payment.intent_id).join(Refund, Refund.payment_id == Payment.id)
    yield from filter(None, db.session.scalars(query.where(Refund.refund_id == refund_id)))


def _by_id(id_: Any, wanted: Any, which: Any) -> Iterator[Any]:
    """Yield rows in order of id, some at a time."""
    last = 0
    while rows := db.session.execute(
        select(id_, wanted).where(which, id_ > last).order_by(id_).limit(_BATCH)
    ).all():
        yield from rows
        last = rows[-1][0]


def _batches(items: Iterator[T]) -> Iterator[list[T]]:
    while batch := list(islice(items, _BATCH)):
        yield batch


def _class(status: str) -> str:
    """Return the statuses that need no event to tell them apart as one."""
    return status if status in {*FINAL, "processing"} else "open"


def _of(row: _Kept) -> str:
    return f"payment {row.payment.id} of order {row.number} ({row.payment.intent_id})"
