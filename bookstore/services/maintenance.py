"""What has to be thrown away from time to time; safe at any moment and as often as one likes."""

import logging
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from bookstore import clock
from bookstore.models import LoginSession, ShoppingCart, StripeEvent
from bookstore.services import (
    api_keys,
    batches,
    cover_making,
    emails,
    event_log,
    idempotency,
    incoming_files,
    job_ends,
    jobs,
    outgoing_upkeep,
    price_updates,
    sales_folding,
    sessions,
)

# A guest who has not touched the cart for so long has forgotten it, or lost the token.
GUEST_CART_LIFETIME = timedelta(days=30)
# A reader who has not touched theirs for so long would be surprised to find it, and its prices.
IDLE_CART_LIFETIME = timedelta(days=365)
# Stripe sends an event for three days; people send it again from there for thirty.
STRIPE_EVENT_LIFETIME = timedelta(days=90)
# Everything else that is deleted when its time has come; docs/operations.md shows the same table,
# and a test compares them.
KEPT = {
    "idempotency keys": idempotency.LIFETIME,
    "login sessions": sessions.REFRESH_LIFETIME,
    "API keys": api_keys.FORGOTTEN_AFTER,
    "guest carts": GUEST_CART_LIFETIME,
    "idle carts": IDLE_CART_LIFETIME,
    "events of Stripe": STRIPE_EVENT_LIFETIME,
    "covers never completed": cover_making.INCOMING_LIFETIME,
    "uploads of covers": cover_making.UPLOAD_LIFETIME,
    "files of jobs": jobs.FILES_LIFETIME,
    "jobs": jobs.LIFETIME,
    "files of imports": incoming_files.LIFETIME,
    "price updates": price_updates.LIFETIME,
    "events": outgoing_upkeep.KEPT_FOR,
    "mails without an event": emails.LIFETIME,
}
_BATCH = 1000

log = logging.getLogger(__name__)


def run() -> dict[str, int]:
    """Delete what is past its time and return how many of each.

    A part that fails is logged and left out; the others go on. Raises only what the last one
    did when all fail: then it is not a matter of parts.
    """
    parts = {
        # Nothing to delete, but due from time to time as well: does work only after a restore,
        # and after orders were changed past the shop.
        "events put in order": event_log.repair_order,
        "sums of sales": sales_folding.recount_lately,
        "price updates that nobody reads": job_ends.heal,
        "idempotency keys": idempotency.forget_old,
        "login sessions": _forget_sessions,
        "API keys": api_keys.forget_old,
        "guest carts": _forget_guest_carts,
        "events of Stripe": _forget_stripe_events,
        "covers never completed": cover_making.forget_incoming,
        "uploads of covers": cover_making.forget_uploads,
        "files of jobs": jobs.forget_files,
        "jobs": jobs.forget_old,
        "files of imports": incoming_files.forget_old,
        "price updates": price_updates.forget_old,
        "events": outgoing_upkeep.forget_events,
        "idle carts": _forget_idle_carts,
        "mails without an event": emails.forget_old,
    }
    counts, failure = {}, None
    for what, part in parts.items():
        try:
            counts[what] = part()
        except Exception as error:
            log.exception("maintenance failed in part", extra={"part": what})
            failure = error
    if failure is not None and not counts:
        raise failure
    for what in ("events put in order", "sums of sales", "price updates that nobody reads"):
        counts.pop(what, None)
    return counts


def _forget_sessions() -> int:
    over = LoginSession.expires_at < clock.now()
    some = select(LoginSession.id).where(over).order_by(LoginSession.expires_at).limit(_BATCH)

    def forget(session: Session) -> int:
        return batches.rowcount(
            session, delete(LoginSession).where(LoginSession.id.in_(some), over)
        )

    return batches.until_fewer(_BATCH, forget)


def _forget_stripe_events() -> int:
    over = StripeEvent.received_at < clock.now() - STRIPE_EVENT_LIFETIME
    some = select(StripeEvent.id).where(over).order_by(StripeEvent.received_at).limit(_BATCH)

    def forget(session: Session) -> int:
        return batches.rowcount(session, delete(StripeEvent).where(StripeEvent.id.in_(some), over))

    return batches.until_fewer(_BATCH, forget)


def _forget_guest_carts() -> int:
    return _forget_carts(ShoppingCart.token_hash.is_not(None), GUEST_CART_LIFETIME)


def _forget_idle_carts() -> int:
    return _forget_carts(ShoppingCart.user_id.is_not(None), IDLE_CART_LIFETIME)


def _forget_carts(whose: ColumnElement[bool], lifetime: timedelta) -> int:
    idle = ShoppingCart.updated_at < clock.now() - lifetime
    some = (
        select(ShoppingCart.id).where(whose, idle).order_by(ShoppingCart.updated_at).limit(_BATCH)
    )

    def forget(session: Session) -> int:
        # Asked again: it may have been touched since it was looked at.
        gone = delete(ShoppingCart).where(ShoppingCart.id.in_(some), idle)
        return batches.rowcount(session, gone)

    return batches.until_fewer(_BATCH, forget)
