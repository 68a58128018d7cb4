"""Scripts that Redis runs, asked for on the shortest way.

What redis-py does around each command takes longer than the command. Here the same kinds of
connections are asked, and as often, but

* without noting durations for OpenTelemetry and looking whether a command is special;
* without asking the kernel before each command whether the connection is still there: one that is
  not fails, and is asked again anew, as any;
* with timeouts that the kernel keeps. Python's own ask it once more before each send and receive.
"""

import hashlib
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any
from weakref import WeakKeyDictionary, proxy

import redis
from hiredis import PushNotification
from redis._parsers.hiredis import NOT_ENOUGH_DATA

# What one read takes at most: most answers are smaller.
_MOST_READ = 65_536


class Script:
    """A script; called, it is run with what it is given."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(
        self, client: Any, keys: Sequence[str], arguments: Sequence[str | int | bytes]
    ) -> Any:
        """Run it and return its answer.

        Raises:
            redis.RedisError: it could not be run.
        """
        if not isinstance(client, redis.Redis):  # a cluster: which node, it finds by the keys
            return client.register_script(self._text)(keys, arguments)
        given = pack(len(keys), *keys, *arguments)
        return self.ask(lines_of(client), 1 + len(keys) + len(arguments), given)

    def ask(self, lines: "Lines", count: int, given: bytes) -> Any:
        """Run it with what was packed before, and return its answer.

        Args:
            count: of what is packed.
            given: how many keys, the keys and the arguments, by ``pack``.

        Raises:
            redis.RedisError: it could not be run.
        """
        start = b"*%d\r\n" % (count + 2)
        try:
            return lines.ask(b"".join((start, self._known, given)))
        except redis.exceptions.NoScriptError:
            return lines.ask(b"".join((start, self._whole, given)))

    @cached_property
    def _known(self) -> bytes:
        return pack("EVALSHA", self._sha)

    @cached_property
    def _whole(self) -> bytes:
        return pack("EVAL", self._text)


def pack(*parts: str | int | bytes) -> bytes:
    """Return parts of a command as they are sent."""
    found = []
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        found.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(found)


class Lines:
    """Connections of the kind that one pool has, and those of them that nobody uses now."""

    def __init__(self, pool: Any) -> None:
        self.idle: deque[Any] = deque()
        self._pool = proxy(pool)
        # Others look at what they read, for whether this is still the right Redis.
        is_plain = pool.connection_class in {redis.Connection, redis.UnixDomainSocketConnection}
        self._exchange = _exchange if is_plain else _exchange_slowly

    def ask(self, packed: bytes) -> Any:
        """Send a command on one of them, or on another, and return the answer.

        Raises:
            redis.RedisError: there was none, or it is one.
        """
        try:
            connection = self.idle.pop()
        except IndexError:
            connection = self._pool.connection_class(**self._pool.connection_kwargs)
            connection.register_connect_callback(self.let_the_kernel_wait)
        try:
            return connection.retry.call_with_retry(
                partial(self._exchange, connection, packed),
                lambda _error: connection.disconnect(),
            )
        finally:
            self.idle.append(connection)

    def let_the_kernel_wait(self, connection: Any) -> None:
        """Have the kernel keep the timeout of a connection that has just been made."""
        plain: socket.socket = connection._sock
        seconds = plain.gettimeout()
        if type(plain) is not socket.socket or not seconds:
            return  # TLS keeps its own
        wait = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
        plain.settimeout(None)


def _exchange_slowly(connection: Any, packed: bytes) -> Any:
    connection.send_packed_command([packed])
    return connection.read_response()


def _read(plain: socket.socket) -> bytes:
    part = plain.recv(_MOST_READ)
    if not part:
        raise redis.ConnectionError("Redis closed the connection")
    return part


def _exchange(connection: Any, packed: bytes) -> Any:
    """As redis-py does it, without asking at each step whether it is one of its special cases."""
    try:
        connection.send_packed_command([packed])
        plain, reader = connection._sock, connection._parser._reader
        # None of what it pushes was asked for.
        while type(found := reader.gets()) is PushNotification or found is NOT_ENOUGH_DATA:
            if found is NOT_ENOUGH_DATA:
                reader.feed(_read(plain))
    except OSError as error:
        connection.disconnect()
        raise redis.ConnectionError(f"no answer from Redis: {error}") from error
    except BaseException:
        # What is still to come would be taken for the next answer.
        connection.disconnect()
        raise
    if connection.health_check_interval:
        connection.next_health_check = time.monotonic() + connection.health_check_interval
    if isinstance(found, Exception):
        raise found
    return found


_lines: "WeakKeyDictionary[Any, Lines]" = WeakKeyDictionary()


def lines_of(client: "redis.Redis") -> Lines:
    """Return the connections for scripts that go with a client's pool."""
    pool = client.connection_pool
    found = _lines.get(pool)
    if found is None:
        found = _lines.setdefault(pool, Lines(pool))
    return found


def _forked() -> None:
    # Those that are open are the parent's.
    for lines in list(_lines.values()):
        lines.idle.clear()


os.register_at_fork(after_in_child=_forked)
