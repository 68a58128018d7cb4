"""Settings of what one client may do: how often, and through which proxies it is known."""

import re
from dataclasses import dataclass

from bookstore.config import checks
from bookstore.config.outside import Outside
from bookstore.config.values import setting


def _rate(value: str) -> str | None:
    """Take a number of requests a time, such as 60/minute; several, separated by semicolons."""
    each = r"[1-9]\d*\s*(/|per)\s*(\d+\s*)?(second|minute|hour|day)s?"
    if all(re.fullmatch(each, part.strip()) for part in value.split(";")):
        return None
    return "must be such as 60/minute or 1000/day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Outside):
    """How much of the shop one client may take."""

    ratelimit_burst: str = setting(
        "60/minute", "requests of one user (API keys included) or address at a stretch", check=_rate
    )
    ratelimit_sustained: str = setting(
        "1000/day",
        "requests of one user (API keys included) or address in the long run",
        check=_rate,
    )
    ratelimit_login: str = setting(
        "10/minute",
        "attempts to log in, register or reset a password, of one address and for one account",
        check=_rate,
    )
    trusted_proxies: int = setting(
        0,
        "reverse proxies in front of the shop, whose X-Forwarded-* headers are believed",
        check=checks.between(0, 10),
    )
