"""Signatures of webhooks: Standard Webhooks (https://www.standardwebhooks.com), and a plain one.

Secrets are ``whsec_`` and the base64 of 32 random bytes. Standard Webhooks keys its HMAC with
those bytes and signs ``<id>.<timestamp>.<body>``; ``X-Webhook-Signature`` is the hex HMAC of
the body alone, keyed with the whole secret string.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"


def new_secret() -> str:
    """Return a new secret of 256 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(
    keys: Sequence[str], message_id: str, timestamp: int, event_type: str, body: bytes
) -> dict[str, str]:
    """Return the headers of one delivery.

    Args:
        keys: the secrets to sign with, the newest first; two while one is being replaced.
        message_id: the event's public id, the same on every attempt.
        timestamp: of this attempt, in seconds since 1970.
        event_type: of the event.
        body: the very bytes that are sent.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_standard(key, signed) for key in keys),
        "X-Webhook-Event": event_type,
        "X-Webhook-Signature": hmac.new(keys[0].encode(), body, hashlib.sha256).hexdigest(),
    }


def _standard(key: str, signed: bytes) -> str:
    raw = base64.b64decode(key.removeprefix(PREFIX))
    digest = hmac.new(raw, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
