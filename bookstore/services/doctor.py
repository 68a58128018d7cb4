"""Whether the books balance: ours by themselves, and with Stripe's."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.gateways.payments import PaymentError
from bookstore.services import database_checks, payments, reconciliation
from bookstore.services.book_checks import CHECKS, Check
from bookstore.unit_of_work import new_snapshot

_FETCH = 1000


def examine(*, days: int = 30, offline: bool = False) -> Iterator[str]:
    """Yield each disagreement in words; nothing is changed.

    Args:
        days: compare what was paid in so many days with Stripe.
        offline: leave Stripe out.

    Raises:
        PaymentsUnavailable: Stripe cannot say now.
    """
    yield from database_checks.examine()
    for check in CHECKS:
        yield from _run(check)
    if not offline:
        yield from _at_stripe(days)


def count() -> dict[str, int]:
    """Return how much there is to look at: books, orders, order lines, coupons, payments."""
    new_snapshot()
    found = {}
    for check in CHECKS:
        if check.subject not in found:
            found[check.subject] = db.session.scalar(select(func.count(check.counted))) or 0
    return found


def _run(check: Check) -> Iterator[str]:
    new_snapshot()
    query = check.query().execution_options(yield_per=_FETCH)
    for row in db.session.execute(query):
        try:
            said = check.tell(row)
        except (ValueError, TypeError, KeyError, AttributeError):
            # Written by nobody that we know: what else there is has to be told all the same.
            said = f"{check.name}: what is written of {row[0]} cannot be read"
        if said is not None:
            yield said
    new_snapshot()


def _at_stripe(days: int) -> Iterator[str]:
    """Compare with Stripe. What looks odd is asked for twice: events take a moment to come."""
    try:
        provider = payments.require_provider()
    except errors.PaymentsUnavailable:
        return  # nobody takes payments
    now = clock.now()
    try:
        # To the last moment, without the room that is left for what is under way.
        until = now + reconciliation.ROOM
        odd = reconciliation.suspects(provider, now - timedelta(days=days), until)
        again = [one for one in odd if reconciliation.examine(provider, one)]
        for intent_id in again:
            yield from (one.text for one in reconciliation.examine(provider, intent_id))
    except PaymentError as error:
        raise errors.PaymentsUnavailable(str(error)) from None
