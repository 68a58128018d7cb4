"""Tickets: a login for one socket, for clients that cannot send headers (browsers)."""

from dataclasses import dataclass

import orjson
import redis

from bookstore import clock, errors
from bookstore.gateways import tickets
from bookstore.services.actors import Actor, require_user

SECONDS = 30
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket stands for: a login, and when (Unix time) its access token expires."""

    user_id: int
    session_id: str
    expires: float


def issue(actor: Actor, expires: float) -> str:
    """Return a ticket for the actor's login, good once within ``SECONDS``.

    Raises:
        LiveUnavailable: Redis is away, so there is nowhere to keep it.
    """
    value = orjson.dumps([require_user(actor), actor.session_id, expires])
    try:
        return tickets.issue(value, SECONDS)
    except redis.RedisError:
        raise errors.LiveUnavailable from None


def redeem(ticket: str) -> Ticket:
    """Return what a ticket stands for; it is used up by that.

    Raises:
        Unauthenticated: it is none, was used, or is too old.
        TokenExpired: the token it was got with has expired since.
        LiveUnavailable: Redis is away.
    """
    try:
        value = tickets.redeem(ticket) if 0 < len(ticket) <= _LONGEST else None
    except redis.RedisError:
        raise errors.LiveUnavailable from None
    if value is None:
        raise errors.Unauthenticated("The ticket was used before, or is too old.")
    found = Ticket(*orjson.loads(value))
    if found.expires <= clock.now().timestamp():
        raise errors.TokenExpired
    return found
