"""Ready answers of the public catalogue, and when they are out of date."""

from collections.abc import Callable

from bookstore.gateways import cache
from bookstore.services import reading
from bookstore.unit_of_work import after_commit, new_snapshot

NAMESPACE = "catalog"
LIST_SECONDS = 300
BESTSELLERS_SECONDS = 3600


def changed() -> None:
    """Make every cached catalogue answer stale, once the present unit of work has committed."""
    after_commit(_bump)


def get_or_make(key: str, seconds: int, make: Callable[[], bytes]) -> bytes:
    """Return the cached bytes of ``key``, or make and keep them.

    The version is read first, then ``make`` asks the database in a snapshot begun after that:
    what a commit overtakes is stored under a version that is no longer asked for.
    """
    version = cache.version(NAMESPACE)
    if version is None:
        return make()
    found = cache.get(NAMESPACE, version, key)
    if found is None:
        new_snapshot()
        # Nor from a replica that lacks what the version was changed for.
        reading.not_before(cache.mark(NAMESPACE))
        found = make()
        cache.put(NAMESPACE, version, key, found, seconds)
    return found


def clear() -> None:
    """Make every cached catalogue answer stale now: the shop opens, and nobody knows what was
    changed while its Redis was not running."""
    cache.bump(NAMESPACE)


def _bump() -> None:
    cache.bump(NAMESPACE)
