"""Secrets at rest: encrypted with a key made of the shop's ``SECRET_KEY`` (Fernet, HKDF).

And names of people and addresses, where it only has to be known whether it is the same again.
"""

import base64
import hashlib
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bookstore import errors
from bookstore.config import Settings
from bookstore.extensions import settings


def seal(secret: str) -> bytes:
    """Return ``secret`` encrypted."""
    return _box(settings()).encrypt(secret.encode())


def unseal(sealed: bytes) -> str:
    """Return the secret again.

    Raises:
        SecretUnreadable: it was sealed under another ``SECRET_KEY``.
    """
    try:
        return _box(settings()).decrypt(sealed).decode()
    except InvalidToken:
        raise errors.SecretUnreadable from None


def digest(text: str) -> str:
    """Return what stands for ``text`` (32 hex digits), and tells it to nobody without the key."""
    key = _key(settings(), b"bookstore digests v1")
    return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()


@cache
def _box(settings: Settings) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_key(settings, b"bookstore vault v1")))


@cache
def _key(settings: Settings, purpose: bytes) -> bytes:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose)
    return derive.derive(settings.resolved_secret_key().encode())
