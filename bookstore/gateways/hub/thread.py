"""The thread that waits for the sockets of a process, and what happens should it ever end."""

import logging
import selectors
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from bookstore.gateways.hub.connection import Connection
from bookstore.gateways.hub.inbox import Call, Inbox

log = logging.getLogger("bookstore.sockets")


class SocketThread(ABC):
    """Waits in a selector, and calls what is below in a thread of its own.

    One socket's trouble ends that socket. Trouble of the selector itself ends the thread: it has
    ``fallen``, keeps nothing, takes nothing, and may be started anew by ``revive``.

    Args:
        now: seconds of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._ending = self.fallen = False
        self._prepare()

    # -- for any thread -------------------------------------------------------------------------
    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def revive(self) -> bool:
        """Return whether sockets are served, having started a fallen thread anew if it can be."""
        with self._lock:
            if not self.fallen:
                return True
            if self._ending or self._thread.is_alive():
                return False  # it still closes what it had
            try:
                self._prepare()
                self._thread.start()
            except (OSError, RuntimeError):  # no descriptor, no memory or no thread to be had
                self._let_go()
                return False
            self.fallen = False
            return True

    def _put(self, function: Callable[..., None], *arguments: Any) -> bool:
        """Have the thread call it soon; False if it has fallen and never will."""
        with self._lock:
            if not self.fallen:
                self._inbox.put(function, *arguments)
            return not self.fallen

    # -- the thread -----------------------------------------------------------------------------
    @abstractmethod
    def _serve(self, connection: Connection, mask: int) -> None:
        """A socket has something to read, or takes something again."""

    @abstractmethod
    def _tick(self, second: int) -> None:
        """A second is over."""

    @abstractmethod
    def _drop(self, connection: Connection) -> None:
        """Close a socket without a word."""

    @abstractmethod
    def _idle(self) -> bool:
        """Whether the thread may end now that it is to end."""

    @abstractmethod
    def _abandon(self, calls: list[Call]) -> None:
        """The thread has fallen: close all there is, also what calls that nobody makes hold."""

    def _prepare(self) -> None:
        self._inbox = Inbox()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._inbox, selectors.EVENT_READ, None)
        self._second = int(self._now())
        self._thread = threading.Thread(target=self._main, name="sockets", daemon=True)

    def _let_go(self) -> None:
        self._selector.close()
        self._inbox.close()

    def _main(self) -> None:
        try:
            self._run()
        except BaseException:
            # The clients come back, to another process or to the next thread here.
            log.exception("the thread of all sockets has fallen")
        finally:
            with self._lock:
                self.fallen = True
            self._guarded(self._abandon, list(self._inbox.left()))
            self._let_go()

    def _run(self) -> None:
        while not (self._ending and self._idle()):
            until_next = self._second + 1 - self._now()
            for key, mask in self._selector.select(max(until_next, 0)):
                if key.data is not None:
                    self._guarded(self._serve, key.data, mask)
                    continue
                for function, arguments in self._inbox.take():
                    self._guarded(function, *arguments)
            while self._second + 1 <= self._now():
                self._second += 1
                self._tick(self._second)

    def _guarded(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception:
            # One client's trouble must not end the thread that serves them all.
            log.exception("a socket failed")
            for argument in arguments:
                if isinstance(argument, Connection) and function != self._drop:
                    self._guarded(self._drop, argument)

    def _watch(self, taken: socket.socket, connection: Connection) -> None:
        writing = selectors.EVENT_WRITE if connection.backlog else 0
        self._selector.modify(taken, selectors.EVENT_READ | writing, connection)

    def _unwatch(self, taken: socket.socket) -> None:
        try:
            self._selector.unregister(taken)
        except (KeyError, ValueError, OSError):
            # It never got in (the kernel's table of watches is full), or the selector is closed.
            log.debug("a socket was not watched")
