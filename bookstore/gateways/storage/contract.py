"""What a store does, in plain values, and how it refuses."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

# Of what never changes under its name (RFC 8246).
IMMUTABLE = "public, max-age=31536000, immutable"
# Of what is nobody's business and may be made anew.
PRIVATE = "private, no-store"
_KEY = re.compile(r"[a-z]+(/[A-Za-z0-9_\-]+(\.[a-z0-9]+)?)+")


class StoreError(Exception):
    """The store cannot be asked, or does not do it, now; the message holds no secret."""


class NotStored(Exception):
    """There is nothing under this key."""


class TooLarge(Exception):
    """There is more under this key than is to be read."""


class BadKey(ValueError):
    """No key of ours is like this."""


class Refused(Exception):
    """The twin's answer to a form or a URL that is forged, changed or out of date."""


class WrongSize(Refused):
    """The file is smaller or larger than the form lets it be."""


@dataclass(frozen=True, slots=True)
class Form:
    """How one file is sent: POST ``fields``, then the file as ``file``, to ``url``."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


class Store(Protocol):
    """A bucket, or what stands in for one. Each may raise StoreError (and BadKey)."""

    def form(self, key: str, content_type: str, size: int, seconds: int) -> Form:
        """Return the form by which anybody may send this one file, of just this type and size."""

    def size(self, key: str) -> int | None:
        """Return how many bytes are under a key, None when there is nothing."""

    def read(self, key: str, limit: int) -> bytes:
        """Return what is under a key; NotStored, or TooLarge when that is more than ``limit``."""

    def put(self, key: str, data: bytes, content_type: str, cache_control: str = IMMUTABLE) -> None:
        """Keep bytes under a name, unless there are some; a bucket tells caches how long.

        Not every bucket can look and write at once: of two at the same moment the last one stays.
        """

    def delete(self, key: str) -> None:
        """Take away what is under a key; nothing there is fine."""

    def older(self, prefix: str, than: datetime) -> Iterator[str]:
        """Yield the keys below ``prefix`` (which ends with /) last written before that."""

    def signed_url(self, key: str, seconds: int) -> str:
        """Return a URL by which anybody may read a key; of the shop's own store, a path."""


def checked(key: str) -> str:
    """Return a key that is one of ours; BadKey for any other: no dots lead out of a folder."""
    if len(key) > 200 or _KEY.fullmatch(key) is None:
        raise BadKey(key[:200])
    return key
