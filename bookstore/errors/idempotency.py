"""Refusals of a repeated Idempotency-Key."""

from bookstore.errors.base import BookstoreError, Conflict


class IdempotencyKeyReused(BookstoreError):
    """This Idempotency-Key was used before with another request.

    Use a new random key for each new thing to be made; keep it only to repeat the very same
    request.
    """

    code = "idempotency_key_reused"
    title = "Idempotency key reused"


class IdempotencyInProgress(Conflict):
    """The first request with this Idempotency-Key is still running.

    Wait a moment and send the same request with the same key: you get the first one's answer.
    """

    code = "idempotency_in_progress"
