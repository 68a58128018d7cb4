"""How much of the shop one user (by login or API key) or address may take.

| policy | setting | counts |
|---|---|---|
| burst | RATELIMIT_BURST | every request |
| sustained | RATELIMIT_SUSTAINED | every request |
| login, register, reset, refresh | RATELIMIT_LOGIN | attempts of that kind, of one address |

Premium users and the shop's own programs are not counted. What one account may be tried is
``attempts``.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from limits import RateLimitItem, parse_many

from bookstore.extensions import settings
from bookstore.gateways import rates
from bookstore.gateways.windows import Window
from bookstore.services import vault
from bookstore.services.actors import Acting, Actor

_WITH_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.]+))(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Policy:
    """A rate that has a name."""

    name: str
    rate: RateLimitItem

    @property
    def amount(self) -> int:
        """How many may come in its time."""
        return self.rate.amount

    @property
    def seconds(self) -> int:
        """Its time."""
        return self.rate.get_expiry()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where whoever asks stands after a request.

    ``nearest`` is the policy with the fewest that may still come: ``remaining``, and ``resets_in``
    how many seconds there will be more. ``retry_after``: the request is one too many; after so many
    seconds the next will not be.
    """

    policies: Sequence[Policy]
    nearest: Policy
    remaining: int
    resets_in: int
    retry_after: int | None


def count(actor: Actor, attempt: str | None = None) -> Standing | None:
    """Count a request, and return where its sender stands now; None: there is no limit to that.

    Args:
        actor: who asks; a guest is known by the address alone.
        attempt: what it tries, if that has a limit of its own.
    """
    if actor.is_unlimited:
        return None
    policies, counted = of_sender(actor.address if actor.id is None else actor.id)
    if attempt is not None:
        policies = (*login_policies(attempt), *policies)
        counted = _named_for(policies, name_of(actor))
    return standing(policies, rates.hit(counted))


def of_sender(
    sender: str | int | None,
) -> tuple[Sequence[Policy], Sequence[tuple[RateLimitItem, str]]]:
    """Return what counts for a guest at an address, or for a user, whose id it is, who has limits.

    Returns:
        the policies, and what ``rates.hit`` takes.
    """
    now = settings()
    if isinstance(sender, int):
        policies = _policies(now.ratelimit_burst, now.ratelimit_sustained)
        return policies, _named_for(policies, _name_of_user(sender))
    secret = now.secret_key, now.bookstore_home  # the names are made with it
    return _at_address(sender, now.ratelimit_burst, now.ratelimit_sustained, secret)


def name_of(actor: Acting) -> str:
    """Return under which name it is counted what an actor does: of a user or an address.

    API keys count with their owner: else whoever makes another one has another thousand requests.
    """
    if actor.id is not None:
        return _name_of_user(actor.id)
    return _name_of_address(getattr(actor, "address", None))


def _name_of_user(user_id: int) -> str:
    return f"user:{user_id}"


def _name_of_address(address: str | None) -> str:
    return f"address:{vault.digest(network(address or ''))}"


def _named_for(policies: Sequence[Policy], who: str) -> list[tuple[RateLimitItem, str]]:
    return [(one.rate, f"{one.name}:{who}") for one in policies]


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """Return what stands for one subscriber: an IPv4 address, or the /64 that an IPv6 one is in.

    A subscriber with IPv6 has 2**64 addresses and may change between them at will.
    """
    # Some proxies say which port it came from; a client has many of those.
    host = _WITH_PORT.fullmatch(address)
    try:
        found = ipaddress.ip_address(host["v6"] or host["v4"] if host else address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), 64), strict=False))


def login_policies(name: str) -> tuple[Policy, ...]:
    """Return the policies of ``RATELIMIT_LOGIN``, for attempts of this name."""
    return _named(name, settings().ratelimit_login)


def standing(policies: Sequence[Policy], windows: Sequence[Window]) -> Standing:
    """Return where somebody stands by what was counted of these policies."""
    nearest: tuple[int, Policy, Window] | None = None
    for policy, window in zip(policies, windows, strict=True):
        if not window.taken:
            wait = window.wait(policy.rate)
            return Standing(policies, policy, 0, wait, wait)
        remaining = window.remaining(policy.rate)
        if nearest is None or remaining < nearest[0]:
            nearest = remaining, policy, window
    if nearest is None:
        raise ValueError("nothing was counted")
    remaining, policy, window = nearest
    return Standing(policies, policy, remaining, window.ends(policy.rate), None)


@lru_cache(maxsize=4096)
def _at_address(
    address: str | None, burst: str, sustained: str, _secret: object
) -> tuple[Sequence[Policy], Sequence[tuple[RateLimitItem, str]]]:
    policies = _policies(burst, sustained)
    return policies, _named_for(policies, _name_of_address(address))


@cache
def _policies(burst: str, sustained: str) -> tuple[Policy, ...]:
    return _named("burst", burst) + _named("sustained", sustained)


@cache
def _named(name: str, rates: str) -> tuple[Policy, ...]:
    """Return a policy for each rate: burst, burst-2 …"""
    return tuple(
        Policy(name if number == 1 else f"{name}-{number}", rate)
        for number, rate in enumerate(parse_many(rates), 1)
    )
