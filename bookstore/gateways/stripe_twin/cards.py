"""Test cards, by the numbers in Stripe's documentation, and what becomes of each."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """A card: charged, unless ``decline`` says why not or ``asks`` is set (3-D Secure)."""

    brand: str
    last4: str
    code: str | None = None
    decline: str | None = None
    asks: bool = False

    @property
    def message(self) -> str:
        """What a declined customer is told."""
        return _MESSAGES.get(self.decline or "", "Your card was declined.")


_MESSAGES = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "incorrect_number": "Your card number is incorrect.",
    "test_mode_live_card": "Your card was declined. Your request was in test mode, but used a non"
    " test (live) card.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
_DECLINED = "card_declined"
# number -> (brand, code, decline code, asks for authentication)
_KNOWN: dict[str, tuple[str, str | None, str | None, bool]] = {
    "4242424242424242": ("visa", None, None, False),
    "4000056655665556": ("visa", None, None, False),
    "5555555555554444": ("mastercard", None, None, False),
    "378282246310005": ("amex", None, None, False),
    "4000000000000002": ("visa", _DECLINED, "generic_decline", False),
    "4000000000009995": ("visa", _DECLINED, "insufficient_funds", False),
    "4000000000009987": ("visa", _DECLINED, "lost_card", False),
    "4000000000009979": ("visa", _DECLINED, "stolen_card", False),
    "4000000000000069": ("visa", "expired_card", "expired_card", False),
    "4000000000000127": ("visa", "incorrect_cvc", "incorrect_cvc", False),
    "4000000000000119": ("visa", "processing_error", "processing_error", False),
    "4000002500003155": ("visa", None, None, True),
    "4000002760003184": ("visa", None, None, True),
    "4000000000003220": ("visa", None, None, True),
}
_METHODS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_threeDSecure2Required": "4000000000003220",
}


class IncorrectNumber(ValueError):
    """No card has such a number."""

    code = "incorrect_number"


def by_number(text: str) -> Card:
    """Return the card of a number; blanks and dashes in it do not count.

    Raises:
        IncorrectNumber: not 12 to 19 digits, or its check digit is wrong.
    """
    number = re.sub(r"[ -]", "", text)
    if not re.fullmatch(r"\d{12,19}", number, re.ASCII) or not _luhn(number):
        raise IncorrectNumber(_MESSAGES["incorrect_number"])
    # A real card, most likely: nothing of it is kept.
    other = ("unknown", _DECLINED, "test_mode_live_card", False)
    brand, code, decline, asks = _KNOWN.get(number, other)
    return Card(brand, number[-4:] if number in _KNOWN else "0000", code, decline, asks)


def by_method(method: str) -> Card | None:
    """Return the card of a payment method that every Stripe account has in test mode."""
    number = _METHODS.get(method)
    return None if number is None else by_number(number)


def _luhn(number: str) -> bool:
    doubled = [sum(divmod(int(digit) * 2, 10)) for digit in number[-2::-2]]
    return (sum(doubled) + sum(int(digit) for digit in number[::-2])) % 10 == 0
