"""What Stripe charges in, and how little or much of it. Written from its documents, not ours."""

from tests.fakes.stripe.wire import Refused

_CODES = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn
bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf
gtq gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr
lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen
pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd
top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
"""
KNOWN = frozenset(_CODES.split())
# Their third decimal place must be 0.
IN_TENS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# Have no decimal places, and are given in hundredths all the same.
IN_HUNDREDS = frozenset(["isk", "ugx"])
LEAST = {"jpy": 50, "gbp": 30, "bgn": 100, "czk": 1500, "dkk": 250, "hkd": 400, "huf": 17_500}
LEAST |= dict.fromkeys(["usd", "aud", "brl", "cad", "chf", "eur", "inr", "nzd", "sgd"], 50)
LEAST |= dict.fromkeys(["aed", "myr", "pln", "ron"], 200)
LEAST |= dict.fromkeys(["nok", "sek"], 300) | dict.fromkeys(["mxn", "thb"], 1000)
MOST = 99_999_999


def check(amount: int, currency: str) -> None:
    """Refuse an amount that cannot be charged, in Stripe's words."""
    if currency not in KNOWN:
        message = f"Invalid currency: {currency}. Stripe currently supports usd, aed, afn, ..."
        raise Refused(400, message, param="currency")
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise Refused(400, message, code="parameter_invalid_integer", param="amount")
    if amount > MOST:
        message = f"Amount must be no more than {MOST} {currency}"
        raise Refused(400, message, code="amount_too_large", param="amount")
    if amount < LEAST.get(currency, 1):
        message = f"Amount must be at least {LEAST[currency]} {currency}"
        raise Refused(400, message, code="amount_too_small", param="amount")
    step = 10 if currency in IN_TENS else 100 if currency in IN_HUNDREDS else 1
    if amount % step:
        message = f"Invalid amount: {currency} must be given in multiples of {step}"
        raise Refused(400, message, code="parameter_invalid_integer", param="amount")
