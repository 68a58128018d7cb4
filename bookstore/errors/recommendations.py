"""Refusals of recommendations."""

from bookstore.errors.base import Conflict


class FitRunning(Conflict):
    """Recommendations are just being fitted; it is enough to do so once at a time.

    Wait until that is done, and fit again only if orders or ratings came since.
    """

    code = "fit_running"
    title = "Recommendations are being fitted"


class FitKnowsLess(Conflict):
    """What is recommended was learned from a file of more ratings than the shop has itself.

    Nothing to repeat until the shop has more. To learn from a file again, or to do without, staff
    runs ``flask recommendations fit``; ``ratings`` and ``own`` are how many there are.
    """

    code = "fit_knows_less"
    title = "The shop knows less than a file did"
