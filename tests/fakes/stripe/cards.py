"""The test cards and payment methods of Stripe's documents."""

from dataclasses import dataclass

from tests.fakes.stripe.wire import Refused

NEVER, UNLESS_SET_UP, ALWAYS = "never", "unless set up", "always"


@dataclass(frozen=True)
class Card:
    """``decline`` is the decline code, ``code`` the error's, where they differ."""

    number: str
    tokens: tuple[str, ...]
    decline: str | None = None
    code: str = "card_declined"
    message: str = "Your card was declined."
    authenticate: str = NEVER
    refund: str = ""
    disputed: bool = False
    type: str = "card"
    brand: str = "visa"


_NOT_ENOUGH = "Your card has insufficient funds."
_CARDS = [
    Card("4242424242424242", ("pm_card_visa",)),
    Card("5555555555554444", ("pm_card_mastercard",), brand="mastercard"),
    Card(
        "4000000000000002",
        ("pm_card_chargeDeclined", "pm_card_visa_chargeDeclined"),
        "generic_decline",
    ),
    Card(
        "4000000000009995",
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "pm_card_visa_chargeDeclinedInsufficientFunds",
        ),
        "insufficient_funds",
        message=_NOT_ENOUGH,
    ),
    Card("4000000000009987", ("pm_card_visa_chargeDeclinedLostCard",), "lost_card"),
    Card("4000000000009979", ("pm_card_visa_chargeDeclinedStolenCard",), "stolen_card"),
    Card(
        "4000000000000069",
        ("pm_card_chargeDeclinedExpiredCard",),
        "expired_card",
        code="expired_card",
        message="Your card has expired.",
    ),
    Card(
        "4000000000000127",
        ("pm_card_chargeDeclinedIncorrectCvc",),
        "incorrect_cvc",
        code="incorrect_cvc",
        message="Your card's security code is incorrect.",
    ),
    Card(
        "4000000000000119",
        ("pm_card_chargeDeclinedProcessingError",),
        "processing_error",
        code="processing_error",
        message="An error occurred while processing your card. Try again in a little bit.",
    ),
    Card(
        "4000002500003155",
        ("pm_card_authenticationRequiredOnSetup",),
        authenticate=UNLESS_SET_UP,
    ),
    Card("4000002760003184", ("pm_card_authenticationRequired",), authenticate=ALWAYS),
    Card("4000000000003220", ("pm_card_threeDSecure2Required",), authenticate=ALWAYS),
    Card(
        "4000008400001629",
        ("pm_card_threeDSecureRequiredChargeDeclined",),
        "generic_decline",
        authenticate=ALWAYS,
    ),
    Card("4000000000007726", ("pm_card_pendingRefund",), refund="pending"),
    Card("4000000000005126", ("pm_card_refundFail",), refund="succeeded"),
    Card("4000000000000259", ("pm_card_createDispute",), disputed=True),
    Card(
        "us_bank_account",
        ("pm_usBankAccount", "pm_usBankAccount_success"),
        type="us_bank_account",
        refund="pending",
    ),
]
BY_NUMBER = {card.number: card for card in _CARDS}
BY_TOKEN = {token: card for card in _CARDS for token in card.tokens}


def by_number(number: str) -> Card:
    """Return a test card.

    Raises:
        Refused: a wrong check digit, or a card that is not for tests.
    """
    if card := BY_NUMBER.get(number.replace(" ", "")):
        return card
    digits = [int(one) for one in number if one.isdigit()][::-1]
    doubled = [sum(divmod(2 * one, 10)) for one in digits[1::2]]
    if not digits or (sum(digits[::2]) + sum(doubled)) % 10:
        message = "Your card number is incorrect."
        raise Refused(402, message, type="card_error", code="incorrect_number", param="number")
    message = "Your card was declined. Your request was in test mode, but used a non test card."
    raise Refused(
        402, message, type="card_error", code="card_declined", decline_code="test_mode_live_card"
    )
