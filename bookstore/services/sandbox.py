"""Paying with test cards, in shops without a key of Stripe's: what Stripe's script would do.

It changes no order. As with Stripe, its signed event does, a moment later.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select

from bookstore import errors
from bookstore.extensions import db, settings
from bookstore.gateways import stripe_twin
from bookstore.gateways.stripe_twin import Outcome
from bookstore.models import Order, Payment
from bookstore.services.actors import Acting, require_user
from bookstore.unit_of_work import new_snapshot


def confirm(
    actor: Acting, client_secret: str, card_number: str, return_url: str | None = None
) -> Outcome:
    """Try to pay one's own order with a test card; a declined one is an outcome too.

    Args:
        actor: whose order it is.
        client_secret: of the order's payment intent.
        card_number: digits, with blanks or dashes if one likes; nothing of it is kept.
        return_url: a path of this shop to lead to after 3-D Secure.

    Raises:
        NotFound: this shop takes no test cards, or no order of the actor's has this intent.
        AlreadyPaid, OrderNotPayable: the intent has come to its end.
        PaymentsUnavailable: the stand-in's file cannot be used now.
    """
    _require_test_cards()
    intent_id = client_secret.partition("_secret_")[0]
    own = select(Payment.id).join(Order, Payment.order_id == Order.id)
    own = own.where(Payment.intent_id == intent_id, Order.user_id == require_user(actor))
    is_own = db.session.scalar(own) is not None
    # The stand-in is asked like Stripe: outside any transaction.
    new_snapshot()
    if not is_own:
        raise errors.NotFound("There is no payment intent with this secret.")
    with _translated():
        return stripe_twin.confirm(settings(), client_secret, card_number, return_url=return_url)


def look(token: str) -> Outcome:
    """Return where the payment stands whose buyer was sent to the 3-D Secure page.

    Raises:
        NotFound: nobody was sent there.
        PaymentsUnavailable: as ``confirm``.
    """
    _require_test_cards()
    with _translated():
        return stripe_twin.find_waiting(settings(), token)


def authenticate(token: str, *, succeed: bool) -> Outcome:
    """Answer the bank's question for the buyer and return what became of the payment.

    To know the token is to be the buyer, as at Stripe. Answered before, it is left as it is.

    Raises:
        NotFound, PaymentsUnavailable: as ``look``.
    """
    _require_test_cards()
    with _translated():
        try:
            return stripe_twin.authenticate(settings(), token, succeed=succeed)
        except stripe_twin.WrongState:
            return stripe_twin.find_waiting(settings(), token)


def deliver() -> int:
    """Send the events that are due and return how many arrived; never raises."""
    return stripe_twin.deliver_due(settings()) if settings().takes_test_cards else 0


def _require_test_cards() -> None:
    if not settings().takes_test_cards:
        raise errors.NotFound("This shop takes no test cards.")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except stripe_twin.UnknownIntent:
        raise errors.NotFound("There is no such payment.") from None
    except stripe_twin.WrongState as error:
        if error.status == "succeeded":
            raise errors.AlreadyPaid from None
        raise errors.OrderNotPayable(f"The payment is {error.status}.") from None
    except (sqlite3.Error, OSError) as error:
        raise errors.PaymentsUnavailable from error
