"""Money as integer minor units; text only at the edges (never a float).

The exponents are ISO 4217's. Amounts travel as decimal strings with the currency's own
number of places: ``1999`` minor units of usd is ``"19.99"``, of jpy ``"1999"``.
"""

import re
from decimal import Decimal
from functools import lru_cache

ZERO_DECIMAL = frozenset(
    [
        "bif",
        "clp",
        "djf",
        "gnf",
        "isk",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "ugx",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    ]
)
THREE_DECIMAL = frozenset(["bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"])
# Without decimal places, but Stripe counts hundredths of them.
_STRIPE_HUNDREDTHS = frozenset(["isk", "ugx"])

# What a card can be charged at least, where that is more than one unit, and at most as Stripe
# counts: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
_LEAST = {
    "aed": "2.00",
    "aud": "0.50",
    "bgn": "1.00",
    "brl": "0.50",
    "cad": "0.50",
    "chf": "0.50",
    "czk": "15.00",
    "dkk": "2.50",
    "eur": "0.50",
    "gbp": "0.30",
    "hkd": "4.00",
    "huf": "175.00",
    "inr": "0.50",
    "jpy": "50",
    "mxn": "10.00",
    "myr": "2.00",
    "nok": "3.00",
    "nzd": "0.50",
    "pln": "2.00",
    "ron": "2.00",
    "sek": "3.00",
    "sgd": "0.50",
    "thb": "10.00",
    "usd": "0.50",
}
_MOST = 99_999_999

# Two thousand million major units: far above any order, far below a 64-bit column.
MAX_MINOR = 10**14

_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,3})?", re.ASCII)


@lru_cache(maxsize=256)
def exponent(currency: str) -> int:
    """Return how many decimal places ``currency`` (ISO 4217, any case) has: 0, 2 or 3."""
    code = currency.lower()
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def unit(currency: str) -> int:
    """Return the least amount that can be charged, in minor units: 10 where there are three
    places, since no card network takes the third."""
    return 10 if exponent(currency) == 3 else 1


def charge_limits(currency: str) -> tuple[int, int]:
    """Return the least and the most that a card can be charged at once, in minor units."""
    code = currency.lower()
    least = to_minor(_LEAST[code], code) if code in _LEAST else unit(code)
    most = from_stripe(_MOST, code)
    return least, most - most % unit(code)


def highest_price(currency: str) -> int:
    """Return the most that one thing may be sold for, in minor units: a million of the currency."""
    return int(10 ** (6 + exponent(currency)))


def to_minor(text: str, currency: str) -> int:
    """Turn a plain decimal string into minor units, exactly.

    Raises:
        ValueError: not a plain non-negative decimal, more places than the currency has, or an
            amount that cannot be charged.
    """
    if not _AMOUNT.fullmatch(text):
        raise ValueError("Not a decimal amount such as 19.99.")
    places = exponent(currency)
    scaled = Decimal(text).scaleb(places)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"More than {places} decimal places.")
    if scaled % unit(currency):
        raise ValueError("The third decimal place must be 0: no card can be charged more finely.")
    return int(scaled)


def to_stripe(minor: int, currency: str) -> int:
    """Return minor units as Stripe counts them."""
    return minor * 100 if currency.lower() in _STRIPE_HUNDREDTHS else minor


def from_stripe(amount: int, currency: str) -> int:
    """Return an amount of Stripe's in minor units; what it has beyond them is cut off."""
    return amount // 100 if currency.lower() in _STRIPE_HUNDREDTHS else amount


def to_text(minor: int, currency: str) -> str:
    """Return minor units as a decimal string with the currency's places: 1999 → "19.99"."""
    places = exponent(currency)
    if places == 0:
        return str(minor)
    if places == 2 and minor >= 0:
        return f"{minor // 100}.{minor % 100:02d}"
    sign = "-" if minor < 0 else ""
    whole, part = divmod(abs(minor), 10**places)
    return f"{sign}{whole}.{part:0{places}d}"


def with_code(minor: int, currency: str) -> str:
    """Return minor units as people read them: 1999 of usd → "19.99 USD"."""
    return f"{to_text(minor, currency)} {currency.upper()}"


def to_thousandths(text: str) -> int:
    """Turn a percentage from 0 to 100 as a plain decimal string into thousandths of a percent.

    Raises:
        ValueError: not one, or more than three places.
    """
    if not _AMOUNT.fullmatch(text) or (thousandths := int(Decimal(text) * 1000)) > 100_000:
        raise ValueError("Not a percentage from 0 to 100 such as 5.5.")
    return thousandths


def percent_text(thousandths: int) -> str:
    """Return thousandths of a percent as a decimal string, as short as it can be: 5500 → "5.5"."""
    whole, part = divmod(thousandths, 1000)
    return f"{whole}.{part:03d}".rstrip("0").rstrip(".")
