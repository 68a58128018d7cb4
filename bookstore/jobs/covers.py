"""Jobs about covers. Each may be run twice: what is done is left alone."""

from bookstore.services import cover_making


def make_cover(upload_id: int) -> None:
    """Make a book's cover of an upload.

    A bad image is no fault of the job, and neither is a store that is away: both are written
    down, and the sweep of covers tries again what may get better.
    """
    cover_making.make(upload_id)


def look_after_covers() -> None:
    """Have covers made that something kept from it; twice a minute.

    Raises:
        redis.RedisError: something is due and Redis is away.
    """
    cover_making.wake_due()
