"""Refusals of recommendations."""

from bookstore.errors.base import Conflict


class FitRunning(Conflict):
    """Recommendations are just being fitted; it is enough to do so once at a time."""

    code = "fit_running"
    title = "Recommendations are being fitted"
