"""Refusals between the parts of the shop, which may be processes of their own."""

from collections.abc import Mapping
from typing import Any

from bookstore.errors.base import BookstoreError

_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "code", "request_id"})


class PartUnavailable(BookstoreError):
    """A part of the shop that this needs does not answer; nothing is lost, try again.

    Repeat after `Retry-After`, with the same `Idempotency-Key` if it had one.
    """

    code = "part_unavailable"
    title = "Part of the shop is unavailable"
    retry_after = 1  # seconds

    def __init__(self, part: str, retry_after: int = 1) -> None:
        super().__init__(None, part=part)
        self.retry_after = retry_after


def from_problem(body: Mapping[str, Any]) -> BookstoreError:
    """Return the refusal that a problem document of ours stands for.

    Raises:
        KeyError: there is no refusal of its ``code``.
    """
    kind = _by_code(BookstoreError)[body["code"]]
    error = kind.__new__(kind)
    # What the constructor of some kinds works out is in the document already.
    extra = {name: value for name, value in body.items() if name not in _MEMBERS}
    BookstoreError.__init__(error, body["detail"], **extra)
    return error


def _by_code(kind: type[BookstoreError]) -> dict[str, type[BookstoreError]]:
    found = {kind.code: kind}
    for child in kind.__subclasses__():
        found |= _by_code(child)
    return found
