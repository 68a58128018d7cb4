"""Jobs that the scheduler queues: once a day or so, and they may take their time."""

from bookstore.services import daily_reports, maintenance
from bookstore.services.actors import SYSTEM
from bookstore.services.recommending import fitting


def maintain() -> None:
    """Throw away what is past its time."""
    maintenance.run()


def report() -> None:
    """Write the sales reports of the last days that are not written yet."""
    daily_reports.write()


def fit_recommendations() -> None:
    """Find out anew which books go with which, unless more is known of them already."""
    fitting.fit_by_night(SYSTEM)
