"""Idempotency keys that Stripe has spoilt: the next of the series is tried.

What came of a key is kept for a day, Stripe's own trouble too: whoever asks again gets the same
500 until then, although nothing is wrong any more.
"""

from collections.abc import Callable
from typing import TypeVar

from bookstore.gateways.payment_errors import PaymentError, translated

T = TypeVar("T")


def ask(what: str, key: str, question: Callable[[str], T]) -> T:
    """Ask with ``key``, or with ``key:2`` or ``key:3`` where Stripe repeats an old 500 for it.

    Which is the next follows from the key alone: those who ask at the same time ask for the same,
    and get the same. What the spoilt key was for may have been done all the same, so this is only
    for what may be done twice.

    Args:
        what: is asked for, in words.
        key: the idempotency key.
        question: asks Stripe with the key it is given.

    Raises:
        PaymentError: another one, or the whole series is spoilt.
    """
    *first, last = key, f"{key}:2", f"{key}:3"
    for one in first:
        try:
            with translated(what):
                return question(one)
        except PaymentError as error:
            if not error.is_kept:
                raise
    with translated(what):
        return question(last)
