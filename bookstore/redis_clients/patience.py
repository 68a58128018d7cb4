"""How often Redis is asked again, and when it is left alone."""

import threading
import time
from typing import Any

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry


class Impatient(Retry):
    """Tries again so often, then leaves a Redis that does not answer alone for a moment.

    A request may ask Redis several times. One that hangs, rather than refuses, would cost it the
    whole timeout each time, and soon every thread would wait for it.
    """

    REST_SECONDS = 1.0

    def __init__(self, again: int) -> None:
        super().__init__(ExponentialWithJitterBackoff(0.2, 0.02), again)
        self._away_until = 0.0
        self._asking: int | None = None  # the thread that finds out

    def __deepcopy__(self, _memo: Any) -> "Impatient":
        return self  # every connection is given a copy, and they are all to know

    def call_with_retry(self, *args: Any, **kwargs: Any) -> Any:
        """Do it; a ConnectionError at once while Redis is left alone."""
        me = threading.get_ident()
        # Connecting, which is a part of asking, comes here as well.
        is_first = self._asking != me
        if is_first and self._away_until:
            if time.monotonic() < self._away_until:
                raise redis.ConnectionError("Redis did not answer a moment ago")
            # One finds out whether it is back; who asks meanwhile is not to wait for that, too.
            self._away_until, self._asking = time.monotonic() + self.REST_SECONDS, me
        try:
            found = super().call_with_retry(*args, **kwargs)
        except (redis.ConnectionError, redis.TimeoutError):
            self._away_until = time.monotonic() + self.REST_SECONDS
            raise
        finally:
            if is_first and self._asking == me:
                self._asking = None
        self._away_until = 0.0
        return found
