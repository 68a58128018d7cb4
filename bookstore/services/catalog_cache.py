"""Ready answers of the public catalogue, and when they are out of date.

The limits and the cache are asked at once, before the app sees the request (``visit``); what is
made then is kept as the whole answer (``keep``), and its body for all others, too.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from bookstore import instruments
from bookstore.config import Settings
from bookstore.extensions import context_maker, settings
from bookstore.gateways import cache, ready
from bookstore.gateways.rates import Packed, packed
from bookstore.gateways.ready import Entry as Entry, Found, Place
from bookstore.gateways.windows import Window
from bookstore.services import limits, reading, vault
from bookstore.services.limits import Policy, Standing
from bookstore.unit_of_work import after_commit, new_snapshot

NAMESPACE = "catalog"
# Of what is kept: another one where a release before could not read it.
_FORM = 2
LIST_SECONDS = 900
BESTSELLERS_SECONDS = 3600
# Whoever finds that another is just making what it wants waits so long, and looks so often.
WAIT_SECONDS, LOOK_SECONDS = 0.1, 0.005
# A page of a hundred long books has less.
MOST_BYTES = 256 * 1024


@dataclass(slots=True)
class Visit:
    """A request for what may be kept, of a guest or of a user who sees no more than they.

    ``standing`` is where they stand after it; ``found`` what there was (None: no cache to use).
    ``made`` is the body if it was made meanwhile, ``seconds`` how long it may be kept; until that
    is known it may not be.
    """

    place: Place
    standing: Standing
    found: Found | None
    made: bytes | None = None
    seconds: int | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether others may be waiting for what it was to make, and has not kept."""
        return self.found is not None and self.found.lock is not None


def changed() -> None:
    """Make every cached catalogue answer stale, once the present unit of work has committed."""
    after_commit(_bump)


def get_or_make(
    address: str, seconds: int, make: Callable[[], bytes], visit: Visit | None = None
) -> bytes:
    """Return the cached body of an address, or make and keep it.

    The version is read first, then ``make`` asks the database in a snapshot begun after that:
    what a commit overtakes is stored under a version that is no longer asked for.

    Args:
        address: path and query, as they were sent.
        seconds: for how long it may be kept.
        make: reads the database; the answer depends on the address and on nothing else.
        visit: of the request, if there was one; then ``keep`` does the keeping.
    """
    if visit is not None:
        return _of_visit(visit, seconds, make)
    place = Place(NAMESPACE, f"{_edition()}:{address}", "")
    found = cache.look(NAMESPACE, ready.body_name(place))
    if found is None:
        return make()
    if found.value is not None:
        return found.value
    _look_afresh()
    made = make()
    if len(made) <= MOST_BYTES:
        ready.put(place, None, found.version, seconds, body=made)
    return made


class Asked(NamedTuple):
    """What is asked for, made ready for being asked for often."""

    place: Place
    packed: bytes


def visit(sender: str | int | None, asked: Asked) -> Visit:
    """Count a request and look for a ready answer to it, in one round trip.

    Waits, not long, for another request that makes it just now.

    Args:
        sender: the address that a guest has, or the id of a user.
        asked: what is asked for.
    """
    policies, counted = limits.of_sender(sender)
    windows, found = ready.ask(counted, asked.place)
    if found is not None and found.is_awaited:
        found = _wait(asked.place)
    return _visited(asked.place, policies, windows, found)


class Desk:
    """Serves readers of the present app as ``visit`` does, but later without its context."""

    def __init__(self) -> None:
        self.settings, self._edition, self._contexts = settings(), _edition(), context_maker()
        self._asking = ready.Asking()
        self._sender = lru_cache(maxsize=4096)(self._named)

    def fits(self, present: Settings) -> bool:
        """Return whether it is still one of the app's, which has these settings now."""
        return present is self.settings and self._asking.fits()

    def asked(self, address: str, way: str) -> Asked:
        """Return what is asked for.

        Args:
            address: path and query, as they were sent.
            way: all else that the answer depends on.
        """
        place = Place(NAMESPACE, f"{self._edition}:{address}", way)
        return Asked(place, place.packed())

    def visit(self, sender: str | int | None, asked: Asked, start: bytes) -> Visit | None:
        """Do as the function ``visit``; None: that has to do it.

        Args:
            sender: the address that a guest has, or the id of a user.
            asked: what is asked for.
            start: an entry that begins with it is wanted without its content.
        """
        policies, counted = self._sender(sender)
        answer = self._asking(counted, asked.place, asked.packed, start)
        if answer is None:
            return None
        windows, found = answer
        if found is not None and found.is_awaited:
            with self._contexts():
                found = _wait(asked.place)
        return _visited(asked.place, policies, windows, found)

    def _named(self, sender: str | int | None) -> tuple[Sequence[Policy], Packed]:
        with self._contexts():
            policies, counted = limits.of_sender(sender)
            return policies, packed(counted)


def keep(visit: Visit, entry: bytes) -> None:
    """Keep the whole answer to a visit, of which ``Found.entry`` is made."""
    found, seconds = visit.found, visit.seconds
    if found is None or seconds is None or len(entry) > MOST_BYTES:
        return
    ready.put(visit.place, found.lock, found.version, seconds, entry=entry, body=visit.made)
    visit.found = None


def leave(visit: Visit) -> None:
    """End a visit: nobody is to wait any longer for what it has not kept."""
    if visit.found is not None and visit.found.lock is not None:
        ready.release(visit.place, visit.found.lock)


def clear() -> None:
    """Make every cached catalogue answer stale now: the shop opens, and nobody knows what was
    changed while its Redis was not running."""
    cache.bump(NAMESPACE)


def _of_visit(visit: Visit, seconds: int, make: Callable[[], bytes]) -> bytes:
    visit.seconds = seconds
    if visit.found is not None and visit.found.body is not None:
        return visit.found.body
    _look_afresh()
    visit.made = make()
    return visit.made


def _look_afresh() -> None:
    """Begin to read: the version is known now. Nor from a replica without what it changed for."""
    new_snapshot()
    reading.not_before(cache.mark(NAMESPACE))


def _visited(
    place: Place, policies: Sequence[Policy], windows: Sequence[Window], found: Found | None
) -> Visit:
    standing = limits.standing(policies, windows)
    if standing.retry_after is None:
        hit = found is not None and (found.entry is not None or found.body is not None)
        kind = "error" if found is None else "hit" if hit else "miss"
        instruments.CACHE.add(NAMESPACE, kind)
    return Visit(place, standing, found)


def _wait(place: Place) -> Found | None:
    until = time.monotonic() + WAIT_SECONDS
    found = ready.look(place)
    while found is not None and found.is_awaited and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        found = ready.look(place)
    return found


_known: tuple[Settings, str] | None = None


def _edition() -> str:
    """Return what stands for the present settings, on which answers depend, and for the form."""
    global _known
    present, known = settings(), _known
    if known is None or known[0] is not present:
        known = _known = present, vault.digest(f"{_FORM} {present!r}")
    return known[1]


def _bump() -> None:
    cache.bump(NAMESPACE)
