"""Refusals of whoever asks too often."""

from bookstore.errors.base import BookstoreError


class RateLimited(BookstoreError):
    """Too many requests in a while; ask again after the seconds that Retry-After says.

    Wait as long as `retry_after` says, then repeat; `RateLimit` in each answer says how much is
    left.
    """

    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, retry_after: int, detail: str | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.retry_after = retry_after
