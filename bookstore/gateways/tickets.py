"""Single-use tickets in Redis. Only their digests are stored, so a dump of Redis opens nothing."""

import hashlib
import secrets

from bookstore.extensions import redis_handle


def issue(value: bytes, seconds: int) -> str:
    """Store ``value`` and return the ticket that fetches it once; RedisError when Redis is away."""
    ticket = secrets.token_urlsafe(32)
    redis_handle.client.set(_key(ticket), value, ex=seconds)
    return ticket


def redeem(ticket: str) -> bytes | None:
    """Return what the ticket stands for, None when it is used or too old; RedisError as above."""
    found = redis_handle.client.getdel(_key(ticket))
    return found if isinstance(found, bytes) else None


def _key(ticket: str) -> str:
    return f"bookstore:ticket:{hashlib.sha256(ticket.encode()).hexdigest()}"
