"""The kinds of jobs there are. What each of them does is in ``job_running``."""

from dataclasses import dataclass

from bookstore.models.api_keys import Scope


@dataclass(frozen=True, slots=True)
class Kind:
    """What is true of all jobs of a kind.

    ``scope`` is what an API key needs to look at one. ``seconds`` is how long one may take, all
    its attempts apart; one that saves where it is (``Progress.batch``) goes on from there.
    """

    scope: Scope
    seconds: int = 600


KINDS = {
    "report.book": Kind("reports", seconds=300),
    "catalog.prices": Kind("catalog:write", seconds=3600),
    "catalog.import": Kind("catalog:write", seconds=3600),
    "recommendations.fit": Kind("catalog:write", seconds=3600),
}
"""Name → kind. A name is ``<concept>.<what>``; it never changes once released."""
