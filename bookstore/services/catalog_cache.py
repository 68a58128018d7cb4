"""When the cached catalogue is out of date."""

from bookstore.gateways import cache
from bookstore.unit_of_work import after_commit

NAMESPACE = "catalog"


def changed() -> None:
    """Make every cached catalogue answer stale, once the present unit of work has committed."""
    after_commit(_bump)


def _bump() -> None:
    cache.bump(NAMESPACE)
