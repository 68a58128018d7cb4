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
from collections import deque
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import redis


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
        given = (len(keys), *keys, *arguments)
        try:
            return _ask(client.connection_pool, "EVALSHA", self._sha, *given)
        except redis.exceptions.NoScriptError:
            return _ask(client.connection_pool, "EVAL", self._text, *given)


class _Lines:
    """Connections that nobody uses now, of the kind that one pool has."""

    def __init__(self) -> None:
        self.idle: deque[Any] = deque()

    def ask(self, pool: Any, *command: Any) -> Any:
        """Send a command on one of them, or on another, and return the answer."""
        try:
            connection = self.idle.pop()
        except IndexError:
            connection = pool.connection_class(**pool.connection_kwargs)
            connection.register_connect_callback(self.let_the_kernel_wait)
        packed = connection.pack_command(*command)

        def ask() -> Any:
            connection.send_packed_command(packed)
            return connection.read_response()

        try:
            return connection.retry.call_with_retry(ask, lambda _error: connection.disconnect())
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


# Of each pool of connections.
_lines: "WeakKeyDictionary[Any, _Lines]" = WeakKeyDictionary()
os.register_at_fork(after_in_child=_lines.clear)


def _ask(pool: Any, *command: Any) -> Any:
    lines = _lines.get(pool)
    if lines is None:
        lines = _lines.setdefault(pool, _Lines())
    return lines.ask(pool, *command)
