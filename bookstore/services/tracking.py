"""Following an order, a job or one's notifications, without missing a change.

Pub/sub may lose messages, and a snapshot is old when it arrives. Therefore: a follower is put
into the index first, and what comes for it is held back; then its snapshot is read and sent;
then what was held back and is newer; from then on all that comes. Each message carries the whole
small state and its version, and a version that is not newer is dropped. What pub/sub lost is
found by comparing with the database: at each (re)subscription, every 15 s, and when asked.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bookstore import clock, errors, logs
from bookstore.extensions import context_maker, redis_handle
from bookstore.gateways.hub import Connection, Hub, handover
from bookstore.gateways.hub.connection import Kind
from bookstore.gateways.hub.frames import event, frame
from bookstore.gateways.presence import Presence
from bookstore.gateways.pubsub import LOGINS, Update
from bookstore.gateways.subscriber import Subscriber
from bookstore.services import job_views, live
from bookstore.services.actors import Actor, require_user
from bookstore.services.resync import Resync
from bookstore.unit_of_work import new_snapshot

log = logging.getLogger(__name__)

SOCKETS_A_USER = 20
take_over, usable = handover.take_over, handover.usable


@dataclass(frozen=True, slots=True)
class Follower:
    """Somebody in the index whose socket is not open yet; ``first`` is what it is sent first."""

    connection: Connection
    first: bytes


class Tracker:
    """The hub of this process with all that feeds it; made when the first socket comes."""

    def __init__(self) -> None:
        self.presence, self.room = Presence(SOCKETS_A_USER), handover.room()
        self.hub = Hub(on_sync=self._asked, on_closed=self._gone)
        self.resync = Resync(self.hub, self.presence, context_maker())
        self._subscriber = Subscriber(
            redis_handle.clients.subscriber, self._told, self.resync.all_soon
        )

    def start(self) -> None:
        """Start its threads."""
        self.hub.start()
        self.resync.start()
        self._subscriber.start()

    def _told(self, updates: list[Update]) -> None:
        self.resync.logins_soon({one.id for one in updates if one.kind == LOGINS})
        self.hub.publish([one for one in updates if one.kind != LOGINS])

    def _asked(self, connection: Connection) -> None:
        self.resync.soon(connection)

    def _gone(self, connection: Connection) -> None:
        self.presence.left(connection.user_id)
        self.resync.left(connection.user_id, connection.member)


_tracker: Tracker | None = None  # one of a process, like its sockets
_making = threading.Lock()


def follow_order(
    actor: Actor, order_id: int, *, kind: Kind, expires: float, path: str, known: int = 0
) -> Follower:
    """Start to follow an order of the actor's (staff: any); then ``opened`` or ``forget``.

    Args:
        actor: who follows.
        order_id: what.
        kind: ``websocket`` or ``events``.
        expires: Unix time at which the login ends, and the socket with it.
        path: for the log.
        known: the version the client has: it is sent the state only if that is newer.

    Raises:
        NotFound: there is none, or it is another's.
        TooManySockets: the user has as many as one may have.
        LiveUnavailable: this process is about to stop, full, or short of what a thread needs.
    """
    connection = _connection(actor, ("order", order_id), kind, expires, path)
    return _from(connection, lambda: live.order_snapshot(actor, order_id), known)


def follow_job(actor: Actor, job_id: int, *, kind: Kind, expires: float, path: str) -> Follower:
    """Start to follow a job that the actor asked for (staff: any); as ``follow_order``.

    Raises (besides):
        InsufficientScope: by an API key that may not do what the job does.
    """
    connection = _connection(actor, (job_views.TOPIC, job_id), kind, expires, path)
    return _from(connection, lambda: job_views.snapshot(actor, job_id))


def follow_notifications(actor: Actor, *, kind: Kind, expires: float, path: str) -> Follower:
    """Start to follow the actor's notifications; arguments and errors as ``follow_order``."""
    connection = _connection(actor, ("user", require_user(actor)), kind, expires, path)
    try:
        new_snapshot()
        told, first = live.notifications_snapshot(actor)
    except BaseException:
        _the_tracker().hub.forget(connection)
        raise
    connection.seen = dict.fromkeys(told, time.monotonic())
    return Follower(connection, connection.encoded(frame(first), event(first)))


def opened(follower: Follower, taken: "handover.Taken", head: bytes = b"") -> None:
    """Hand the follower's socket over; ``head`` goes before all else."""
    sock, read_ahead = taken
    _the_tracker().hub.open(follower.connection, sock, head + follower.first, read_ahead)


def forget(follower: Follower) -> None:
    """Take back a follower that never got its socket."""
    _the_tracker().hub.forget(follower.connection)


def stats() -> dict[str, int]:
    """Return this process's figures: sockets open; messages sent; slow and dead clients cut off;
    comparisons with the database, and what they found to be missing."""
    if _tracker is None:
        return {}
    return _tracker.resync.stats()


def stop() -> None:
    """Send all sockets away (1012): they find another process, or this one's successor."""
    if _tracker is not None:
        _tracker.hub.stop()


def join(seconds: float) -> None:
    """After ``stop``: wait until all have gone, but no longer than this."""
    if _tracker is not None:
        _tracker.hub.join(seconds)
        _tracker.resync.finish()


def _the_tracker() -> Tracker:
    global _tracker
    if _tracker is None:
        with _making:
            if _tracker is None:
                made = Tracker()
                made.start()
                _tracker = made
    return _tracker


def _from(
    connection: Connection, snapshot: Callable[[], tuple[int, bytes]], known: int = 0
) -> Follower:
    """Return who follows something that has a version, from how it stands now."""
    try:
        new_snapshot()  # that of the log-in may be older than what is held back
        version, first = snapshot()
    except BaseException:
        _the_tracker().hub.forget(connection)
        raise
    connection.version = version
    if known >= version:
        return Follower(connection, b"")
    return Follower(connection, connection.encoded(frame(first), event(first, version)))


def _connection(
    actor: Actor, topic: tuple[str, int], kind: Kind, expires: float, path: str
) -> Connection:
    tracker = _the_tracker()
    if tracker.hub.stopping:
        raise errors.LiveUnavailable("This process is about to stop; connect again.")
    if not tracker.hub.revive():
        raise errors.LiveUnavailable("This process cannot hold sockets now; connect again.")
    if tracker.presence.here() >= tracker.room:
        raise errors.LiveUnavailable("This process holds as many sockets as it can.")
    user_id = require_user(actor)
    member = tracker.presence.enter(user_id)
    if member is None:
        raise errors.TooManySockets
    connection = Connection(
        kind,
        topic,
        user_id=user_id,
        session_id=actor.login,
        staff=actor.is_staff,
        expires=time.monotonic() + expires - clock.now().timestamp(),
        member=member,
        path=path,
        request_id=logs.request_id.get(),
    )
    tracker.hub.follow(connection)
    return connection
