"""Refusals of recommendations."""

from bookstore.errors.base import Conflict


class FitRunning(Conflict):
    """Recommendations are just being fitted; it is enough to do so once at a time.

    Wait until that is done, and fit again only if orders or ratings came since.
    """

    code = "fit_running"
    title = "Recommendations are being fitted"
