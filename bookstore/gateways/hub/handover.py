"""Takes a client's socket away from the web server, so that its request thread is free again."""

import resource
import socket
from typing import Any

from bookstore import errors

# What the other side has not acknowledged for so long ends the connection (Linux).
_DEAD_MS = 60_000
_OTHER_FILES = 1500  # 1,000 connections of requests, and files
# The kernel would keep up to 4 MB for one that does not read (it doubles this number).
_SEND_BUFFER = 64 * 1024


Taken = tuple[socket.socket, bytes]
"""A client's socket, and what was read from it already."""


def usable(environ: dict[str, Any]) -> bool:
    """Whether the server behind this WSGI environ lets its sockets be taken over.

    That is gunicorn with threads, without TLS of its own (a TLS session cannot be handed on).
    """
    return type(environ.get("gunicorn.socket")) is socket.socket


def room() -> int:
    """Return how many sockets this process may hold: descriptors, less what else needs some.

    gunicorn's worker dies when it cannot accept for want of a descriptor, and all sockets with it.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1_000_000 if soft < 0 else max(soft - _OTHER_FILES, soft // 2)


def take_over(environ: dict[str, Any]) -> Taken:
    """Return the client's socket, non-blocking and ours alone, and what was read ahead of it.

    gunicorn keeps an object without a descriptor; our worker class knows what that means.

    Raises:
        SocketsUnsupported: the server does not let go of sockets.
        OSError: the client's line is broken; it is closed.
    """
    if not usable(environ):
        raise errors.SocketsUnsupported
    # A client may have sent more than its request; gunicorn keeps that for an upgrade.
    unreader = getattr(getattr(environ["wsgi.input"], "reader", None), "unreader", None)
    ahead = bytes(unreader.take_buffered()) if unreader is not None else b""
    taken = socket.socket(fileno=environ["gunicorn.socket"].detach())
    try:
        taken.setblocking(False)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if taken.family != socket.AF_UNIX:
            # Updates are small and rare: none should wait for another to fill a packet.
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_MS)
    except OSError:
        taken.close()  # nobody else would: the server has let go of it
        raise
    return taken, ahead
