"""The two secrets between the shop and its stand-in for Stripe."""

import base64
from functools import cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bookstore.config import Settings

# No secret: it never leaves the process.
API_KEY = "sk_test_embedded"


@cache
def webhook_secret(settings: Settings) -> str:
    """Return what events are signed with: the same in every process of the shop.

    Raises:
        BadSetting: there is no secret key, and none can be made.
    """
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"bookstore test payments v1")
    key = derive.derive(settings.resolved_secret_key().encode())
    return f"whsec_{base64.urlsafe_b64encode(key).decode().rstrip('=')}"
