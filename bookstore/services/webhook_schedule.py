"""When a delivery that failed is tried again."""

from datetime import datetime, timedelta

from bookstore import jitter

# Between one attempt and the next: ten attempts over three days and a bit.
DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
ATTEMPTS = len(DELAYS) + 1
JITTER = 0.2
LONGEST_RETRY_AFTER = timedelta(hours=24)


def next_attempt(attempts: int, ended: datetime, asked: timedelta | None) -> datetime | None:
    """Return when to try again after so many attempts, None when that was the last.

    Args:
        attempts: made so far, this one included.
        ended: when this one ended.
        asked: how long the receiver asked us to wait, at least; a day at most is granted.
    """
    if attempts >= ATTEMPTS:
        return None
    delay = jitter.spread(DELAYS[attempts - 1], JITTER)
    if asked is not None:
        delay = max(delay, min(asked, LONGEST_RETRY_AFTER))
    return ended + delay
