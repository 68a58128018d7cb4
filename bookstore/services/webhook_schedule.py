"""When a delivery that failed is tried again."""

import random
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

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
    # Spread, so that what failed together does not come back together.
    delay = DELAYS[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    if asked is not None:
        delay = max(delay, min(asked, LONGEST_RETRY_AFTER))
    return ended + delay


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Return the wait that a Retry-After header asks for (RFC 9110 10.2.3), None if it is none."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # Nobody means more digits than these; a timedelta would not hold them.
        return timedelta(seconds=int(text[:9]))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year or an offset past all calendars
        return None
    if moment.tzinfo is None:  # "-0000": a time in UTC that says nothing of its zone
        moment = moment.replace(tzinfo=now.tzinfo)
    return max(moment - now, timedelta(0))
