"""Queries that clients send once and then name by their SHA-256 (as Apollo's protocol has it).

Kept in the cache for an hour after their last use: whoever names one that is gone is told so, and
sends it once more.
"""

import hashlib
import hmac

from bookstore import errors
from bookstore.gateways import cache

NAMESPACE = "graphql"
SECONDS = 3600
# What is worth naming is written by hand; more would be room for strangers to fill.
LONGEST = 8192


def resolve(sha256: str, query: str | None) -> str | None:
    """Return the query that is meant; None when only its digest came and it is not known.

    Raises:
        Invalid: the digest is not that of ``query``.
    """
    if query is not None:
        if not hmac.compare_digest(_digest(query), sha256):
            raise errors.Invalid({"extensions.persistedQuery.sha256Hash": ["Not the query's."]})
        return query
    found = cache.look(NAMESPACE, sha256)
    if found is None or found.value is None:
        return None
    cache.put(NAMESPACE, found.version, sha256, found.value, SECONDS)
    return found.value.decode()


def keep(sha256: str, query: str) -> None:
    """Keep a query that has been found good."""
    text = query.encode()
    if len(text) <= LONGEST and (version := cache.version(NAMESPACE)) is not None:
        cache.put(NAMESPACE, version, sha256, text, SECONDS)


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode(errors="surrogatepass")).hexdigest()
