"""The one Redis subscription of a process, kept alive in a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import redis

from bookstore import jitter
from bookstore.gateways.pubsub import CHANNEL, Update

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 5.0


class Subscriber:
    """Reads ``pubsub.CHANNEL`` for ever, through every restart of Redis.

    Args:
        connect: makes a client that tries nothing again.
        on_updates: gets what was published.
        on_subscribed: called at every acknowledgement of the subscription, so also after a
            connection that was lost without a word. What was published meanwhile is lost.
    """

    def __init__(
        self,
        connect: Callable[[], "redis.Redis"],
        on_updates: Callable[[list[Update]], None],
        on_subscribed: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._on_updates, self._on_subscribed = on_updates, on_subscribed
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def _run(self) -> None:
        pause, told = 0.1, False
        while True:
            try:
                # Errors come to us: a reconnect that nobody notices is a gap nobody fills.
                client = self._connect()
                subscribe: Any = client.pubsub
                with client, subscribe() as subscription:
                    subscription.subscribe(CHANNEL)
                    while True:
                        self._read(subscription)
                        pause, told = 0.1, False
            except Exception as error:
                expected = isinstance(error, redis.RedisError | OSError)
                if not told or not expected:
                    told = True
                    log.warning("live updates interrupted", exc_info=None if expected else error)
            # All processes lost it at the same moment; they need not all come back at one.
            time.sleep(jitter.spread(pause, 0.5))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _read(self, subscription: Any) -> None:
        message = subscription.get_message(timeout=1.0)
        if message is None:
            if subscription.health_check_response_counter > 1:
                raise redis.ConnectionError("pings are not answered")
            return
        if message["type"] == "subscribe":
            self._on_subscribed()
        elif message["type"] == "message":
            try:
                self._on_updates([Update.parse(message["data"])])
            except ValueError:
                log.warning("not an update", extra={"bytes": len(message["data"])})
