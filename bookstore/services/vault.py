"""Secrets at rest: encrypted with a key made of the shop's ``SECRET_KEY`` (Fernet, HKDF)."""

import base64
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


@cache
def _box(settings: Settings) -> Fernet:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"bookstore vault v1")
    key = derive.derive(settings.resolved_secret_key().encode())
    return Fernet(base64.urlsafe_b64encode(key))
