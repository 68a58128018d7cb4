"""What an API key looks like: ``bk_<prefix>_<secret><checksum>``.

The prefix (8 characters) is no secret and names the key. The secret is 32 characters of 62, 190
bits. The last 6 are a CRC-32 of all before them, in base 62 as in GitHub's tokens: a scanner of
leaked secrets knows a key by itself, and the shop a mistyped one, without asking anybody.
"""

import hashlib
import re
import secrets
import string
import zlib

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PREFIX, _SECRET, _CHECKSUM = 8, 32, 6
FORM = re.compile(rf"bk_[0-9A-Za-z]{{{_PREFIX}}}_[0-9A-Za-z]{{{_SECRET + _CHECKSUM}}}", re.ASCII)


def new_prefix() -> str:
    """Return the prefix of a new key, ``bk_`` and 8 characters."""
    return f"bk_{_random(_PREFIX)}"


def new_key(prefix: str) -> str:
    """Return a new key of this prefix."""
    text = f"{prefix}_{_random(_SECRET)}"
    return text + _checksum(text)


def prefix_of(key: str) -> str | None:
    """Return the prefix of what may be a key; None when it cannot be one."""
    if not FORM.fullmatch(key) or _checksum(key[:-_CHECKSUM]) != key[-_CHECKSUM:]:
        return None
    return key.rpartition("_")[0]


def digest(key: str) -> str:
    """Return what of a key is stored: SHA-256, in hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number, found = zlib.crc32(text.encode()), ""
    for _ in range(_CHECKSUM):
        number, digit = divmod(number, len(_ALPHABET))
        found = _ALPHABET[digit] + found
    return found
