"""What goes wrong when Stripe is asked, in words of our own."""

from collections.abc import Iterator
from contextlib import contextmanager

import stripe


class PaymentError(Exception):
    """Stripe did not do it; ``final`` when asking again would end in the same way.

    ``status`` is that of its answer, None when there was none; ``is_kept`` when it answers so for
    as long as it knows the idempotency key. ``code``, ``decline_code`` and ``param`` are Stripe's.
    The message holds no secret.
    """

    def __init__(
        self,
        message: str,
        *,
        final: bool,
        status: int | None = None,
        is_kept: bool = False,
        code: str | None = None,
        decline_code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.final, self.status, self.is_kept = final, status, is_kept
        self.code, self.decline_code, self.param = code, decline_code, param

    @property
    def is_general(self) -> bool:
        """Whether other questions would fare no better: nobody answers, or our key is refused."""
        return not self.final and self.status in (None, 401, 403, 429)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the library's errors into ours; ``what`` was asked for begins the message."""
    try:
        yield
    except stripe.CardError as error:
        body = error.error
        decline = getattr(body, "decline_code", None) if body else None
        raise PaymentError(
            f"{what}: card declined",
            final=True,
            status=error.http_status,
            code=error.code,
            decline_code=decline or error.code,
        ) from None
    except stripe.InvalidRequestError as error:
        raise PaymentError(
            f"{what}: {error.user_message or error}",
            final=True,
            status=error.http_status,
            code=error.code,
            param=error.param,
        ) from None
    except stripe.StripeError as error:
        # No answer, too many requests, trouble there, or our key: all of it may heal.
        raise PaymentError(
            f"{what}: {type(error).__name__}, {error.http_status or 'no answer'}",
            final=False,
            status=error.http_status,
            is_kept=_is_kept(error),
        ) from None


def _is_kept(error: stripe.StripeError) -> bool:
    """Return whether this is an older answer, of trouble at Stripe, that was sent once more."""
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    return (error.http_status or 0) >= 500 and headers.get("idempotent-replayed") == "true"
