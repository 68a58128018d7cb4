"""What Stripe's script would do in a browser, for the shop's own card form and 3-D Secure page.

Who has an intent's client secret may try to pay it; who has been sent to the page of an
authentication may answer there.
"""

import hmac
from dataclasses import dataclass, replace

from bookstore.config import Settings
from bookstore.gateways.stripe_twin import cards, intents, outbox, store
from bookstore.gateways.stripe_twin.refusals import Refusal
from bookstore.gateways.stripe_twin.store import Json


class UnknownIntent(Exception):
    """No payment intent has this secret, or is authenticated there."""


class WrongState(Exception):
    """The intent is ``status``: nothing can be done with it (any more)."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where an intent stands: ``status`` is Stripe's word.

    ``decline_code`` says why the card was declined, ``next_action_url`` where the customer has
    to go, ``return_url`` where they want to be afterwards. ``amount`` is as Stripe counts it.
    """

    intent_id: str
    status: str
    amount: int
    currency: str
    decline_code: str | None
    next_action_url: str | None
    return_url: str | None

    @property
    def next_action(self) -> dict[str, str] | None:
        """What the customer has to do next; None: nothing."""
        if self.next_action_url is None:
            return None
        return {"type": "redirect_to_url", "url": self.next_action_url}


def confirm(
    settings: Settings, client_secret: str, card_number: str, *, return_url: str | None = None
) -> Outcome:
    """Try to pay with a card and return what became of it; nothing is kept of the number.

    A number that no card can have is declined as ``incorrect_number`` and changes nothing.

    Raises:
        UnknownIntent: no intent has this secret.
        WrongState: it is paid or cancelled.
        sqlite3.Error: the stand-in's file cannot be used.
    """
    try:
        with store.write(settings) as work:
            intent = intents.retrieve(work.db, client_secret.partition("_secret_")[0])
            if not hmac.compare_digest(intent["client_secret"].encode(), client_secret.encode()):
                raise UnknownIntent
            try:
                card = cards.by_number(card_number)
            except cards.IncorrectNumber as error:
                if intent["status"] not in intents.OPEN:
                    raise WrongState(intent["status"]) from None
                return _outcome(intent, decline_code=error.code)
            done = _outcome(intents.confirm(work, intent, card, return_url=return_url))
    except Refusal as refusal:
        raise _told(refusal) from None
    outbox.deliver_soon(settings)
    return done


def find_waiting(settings: Settings, token: str) -> Outcome:
    """Return where the intent stands whose customer was sent to the page of this token.

    Raises:
        UnknownIntent: nobody was.
    """
    with store.read(settings) as db:
        intent = intents.find_by_token(db, token)
    if intent is None:
        raise UnknownIntent
    return _outcome(intent)


def authenticate(settings: Settings, token: str, *, succeed: bool) -> Outcome:
    """Answer for the customer at the page of this token, and return what became of it.

    Raises:
        UnknownIntent: nobody was sent there.
        WrongState: it has been answered, or the payment is over.
    """
    try:
        with store.write(settings) as work:
            intent = intents.find_by_token(work.db, token)
            if intent is None:
                raise UnknownIntent
            back = _outcome(intent).return_url
            done = _outcome(intents.authenticate(work, intent, succeed=succeed))
    except Refusal as refusal:
        raise _told(refusal) from None
    outbox.deliver_soon(settings)
    return replace(done, return_url=back)


def _told(refusal: Refusal) -> Exception:
    intent = refusal.error.get("payment_intent")
    return UnknownIntent() if intent is None else WrongState(intent["status"])


def _outcome(intent: Json, *, decline_code: str | None = None) -> Outcome:
    failure = intent["last_payment_error"] or {}
    redirect = (intent["next_action"] or {}).get("redirect_to_url") or {}
    return Outcome(
        intent_id=intent["id"],
        status=intent["status"],
        amount=intent["amount"],
        currency=intent["currency"],
        decline_code=decline_code or failure.get("decline_code") or failure.get("code"),
        next_action_url=redirect.get("url"),
        return_url=redirect.get("return_url"),
    )
