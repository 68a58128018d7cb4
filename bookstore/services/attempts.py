"""Guessing takes long: how often a secret of one account may be tried, and how soon again.

For every door that has a password, a code or the like, whoever knocks and from wherever::

    attempts.check("login", username)       # before the password is looked at
    attempts.failed("login", username)      # it was wrong
    attempts.succeeded("login", username)   # it was right: what was before is forgotten

An account may be tried at ``RATELIMIT_LOGIN``; and from the fifth failure in a row each has to be
waited for, 1 s, 2 s, 4 s … up to 15 minutes. Both also for accounts that do not exist: the answer
tells nobody which do. Counted where requests are (``gateways.rates``), under digests of the names.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from bookstore import clock, errors
from bookstore.gateways import rates
from bookstore.services import limits, vault
from bookstore.services.actors import Acting

FREE_FAILURES = 4
LONGEST = 15 * 60
# Failures that are older are not in a row any more.
MEMORY = 24 * 3600

P = ParamSpec("P")
R = TypeVar("R")


def check(kind: str, account: str) -> None:
    """Count an attempt, unless it comes too soon.

    Args:
        kind: of secret, such as ``login``: each is counted by itself.
        account: whose: a name or address as it was typed.

    Raises:
        RateLimited: it comes too soon; whether it would have been right is not looked at.
    """
    delay = _key("delay", kind, account)
    if rates.storage().get(delay):
        left = rates.storage().get_expiry(delay) - clock.now().timestamp()
        raise _too_soon(max(1, int(left) + 1))
    policies = limits.login_policies(f"{kind}-account")
    name = vault.digest(account.casefold())
    windows = rates.hit([(one.rate, f"{one.name}:{name}") for one in policies])
    wait = limits.standing(policies, windows).retry_after
    if wait is not None:
        raise _too_soon(wait)


def failed(kind: str, account: str) -> None:
    """Note that an attempt was wrong: from the fifth in a row the next one has to wait."""
    storage = rates.storage()
    failures = storage.incr(_key("failures", kind, account), MEMORY)
    if failures > FREE_FAILURES:
        # The exponent stays small, however long somebody goes on.
        delay = min(LONGEST, 2 ** min(failures - FREE_FAILURES - 1, 20))
        # Anew: of two that failed at once the second would leave the first one's end as it is.
        storage.clear(_key("delay", kind, account))
        storage.incr(_key("delay", kind, account), delay)


def succeeded(kind: str, account: str) -> None:
    """Note that an attempt was right: the account's failures are forgotten."""
    rates.storage().clear(_key("failures", kind, account))
    rates.storage().clear(_key("delay", kind, account))


def counted(kind: str, by: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Count calls of a function as attempts.

    ``BadCredentials`` and ``TotpInvalid`` are failures, an answer is a success; what else it
    raises is neither.

    Args:
        kind: of secret.
        by: the name of its first argument, which is the account.
    """

    def decorator(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def attempt(*args: P.args, **kwargs: P.kwargs) -> R:
            account = str(args[0] if args else kwargs[by])
            check(kind, account)
            try:
                found = function(*args, **kwargs)
            except (errors.BadCredentials, errors.TotpInvalid):
                failed(kind, account)
                raise
            succeeded(kind, account)
            return found

        return attempt

    return decorator


@contextmanager
def proving(user_id: int) -> Iterator[None]:
    """Let somebody who is logged in prove, by password or code, that it is them.

    Whoever found their device open may guess no more often than at the door. Not under one count
    with that: strangers there make nobody wait here.

    Raises:
        RateLimited: it comes too soon.
    """
    account = str(user_id)
    check("proof", account)
    try:
        yield
    except (errors.Invalid, errors.TotpInvalid):
        failed("proof", account)
        raise
    succeeded("proof", account)


@contextmanager
def guessing(
    kind: str, actor: Acting, is_wrong: Callable[[errors.BookstoreError], bool]
) -> Iterator[None]:
    """Let an actor try what belongs to nobody, such as a coupon's code; only misses count.

    Args:
        kind: of what may be guessed.
        actor: who tries; a guest by the address.
        is_wrong: whether a refusal from inside is a miss.

    Raises:
        RateLimited: there were ``RATELIMIT_LOGIN`` misses.
    """
    name = limits.name_of(actor)
    policies = limits.login_policies(kind)
    for policy in policies:
        window = rates.look(policy.rate, f"{policy.name}:{name}")
        if not window.taken:
            raise errors.RateLimited(window.wait(policy.rate), "Too many of these do not exist.")
    try:
        yield
    except errors.BookstoreError as error:
        if is_wrong(error):
            rates.hit([(one.rate, f"{one.name}:{name}") for one in policies])
        raise


def _key(what: str, kind: str, account: str) -> str:
    return f"{what}:{kind}:{vault.digest(account.casefold())}"


def _too_soon(seconds: int) -> errors.RateLimited:
    return errors.RateLimited(seconds, f"Too many attempts for this account; wait {seconds} s.")
