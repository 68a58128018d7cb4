"""Live updates between processes, by Redis pub/sub on one fixed channel.

A message is ``<kind> <id> <version>\\n<payload>``: kind ``order``, ``job`` or ``user``, the id of
which, a number that grows with it, and the JSON that sockets get; or ``logins``, the id of a user,
and no more. Messages may be lost: each carries the whole small state, and subscribers compare
versions and logins with the database from time to time.
"""

import logging
from contextlib import nullcontext
from dataclasses import dataclass

import redis

from bookstore.extensions import redis_handle

log = logging.getLogger(__name__)

CHANNEL = "bookstore:live"
LOGINS = "logins"


@dataclass(frozen=True, slots=True)
class Update:
    """A state of one order or job, or a notification of one user."""

    kind: str
    id: int
    version: int
    payload: bytes

    def encoded(self) -> bytes:
        """Return the message."""
        return b"%s %d %d\n%s" % (self.kind.encode(), self.id, self.version, self.payload)

    @classmethod
    def parse(cls, message: bytes) -> "Update":
        """Return the update of a message.

        Raises:
            ValueError: it is not one.
        """
        head, _, payload = message.partition(b"\n")
        kind, which, version = head.split(b" ")
        return cls(kind.decode(), int(which), int(version), payload)


def logins_changed(user_ids: list[int]) -> None:
    """Tell every process that logins or rights of these users may have ended."""
    publish([Update(LOGINS, user_id, 0, b"") for user_id in sorted(set(user_ids))])


def publish(updates: list[Update]) -> None:
    """Tell every process. A Redis that is away is no error: subscribers ask the database."""
    if not updates:
        return
    try:
        # redis-py has no pipelines of it for a cluster, any node of which tells all the others.
        client = redis_handle.client
        with nullcontext() if redis_handle.is_cluster else client.pipeline(False) as pipe:
            for update in updates:
                (client if pipe is None else pipe).publish(CHANNEL, update.encoded())
            if pipe is not None:
                pipe.execute()
    except redis.RedisError as error:
        log.debug("not published, Redis is away", extra={"why": str(error)})
