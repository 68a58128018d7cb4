"""What Redis is told once something is committed: live updates, and that messages are due.

All of it in one round trip. None of it may be missed for long, and all of it may get lost: see
``pubsub`` and ``queue``.
"""

import logging
from collections.abc import Sequence
from typing import Literal

import redis

from bookstore.extensions import redis_handle
from bookstore.gateways import pubsub, queue
from bookstore.gateways.pubsub import Update
from bookstore.gateways.scripts import Script

log = logging.getLogger(__name__)

Due = Literal["due"]
DUE: Due = "due"

# Key: the mark that a wake-up waits. Arguments: for how many seconds, 0: none is due; the channel,
# messages. On a cluster any node tells all the others.
_TELL = Script("""
for i = 3, #ARGV do redis.call('PUBLISH', ARGV[2], ARGV[i]) end
if ARGV[1] == '0' then return 0 end
return redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) and 1 or 0
""")


def tell(news: Sequence[Update | Due]) -> None:
    """Tell every process of updates, and have due messages sent soon if one of the news is that.

    A Redis that is away is no error.
    """
    seconds = queue.WAKE_SECONDS if DUE in news else 0
    messages = [one.encoded() for one in news if isinstance(one, Update)]
    try:
        if _TELL(redis_handle.client, [queue.WAKE], [seconds, pubsub.CHANNEL, *messages]):
            queue.queue_drain()
    except redis.RedisError as error:
        log.debug("not told, Redis is away", extra={"why": str(error)})
