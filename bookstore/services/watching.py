"""Looks at what the shop needs, and says so in the log when something goes or comes back.

One process of a machine does it, whichever gets there first; when that ends, another takes over.
"""

import fcntl
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bookstore import engine, replicas
from bookstore.gateways import beats
from bookstore.services import health

log = logging.getLogger("bookstore.watch")

EVERY_SECONDS = 1.0
# A new connection to the database each time: half as often.
DATABASE_EVERY = 2
# Workers may start after the web processes, and need a moment to see that Redis is back.
PATIENCE_SECONDS = 15.0
# A connection in use for so long may be one that waits for a database that hangs. Ending it costs
# a request, and a machine with too much to do is slow as well: so it is asked about twice.
HUNG_SECONDS, VERDICTS = 5.0, 2

_WORDS = {
    "database": ("the database does not answer", "the database answers again"),
    "redis": ("Redis does not answer", "Redis answers again"),
    beats.SCHEDULER: ("no scheduler is at work", "a scheduler is at work again"),
}


_REPLICA = "replica "


def _words_of(name: str) -> tuple[str, str]:
    if name.startswith(_REPLICA):
        return f"{name} is away or behind: the primary is read", f"{name} is read from again"
    return f"no worker works on the queue {name}", f"a worker works on the queue {name} again"


class Changes:
    """Remembers how things stood, and logs what is different."""

    def __init__(self) -> None:
        self._gone: dict[str, float] = {}
        self._seen: set[str] = set()
        self._patient_until = time.monotonic() + PATIENCE_SECONDS

    def note(self, name: str, *, there: bool) -> None:
        """Take note of a dependency that is always there when the shop starts."""
        if there == (name not in self._gone):
            return
        gone, back = _WORDS.get(name) or _words_of(name)
        now = time.monotonic()
        if there:
            seconds = round(now - self._gone.pop(name), 1)
            log.warning(back, extra={"seconds": seconds})
        else:
            self._gone[name] = now
            log.error(gone)

    def note_replicas(self, states: dict[str, str]) -> None:
        """Take note of which replicas can be read from; one that is not known yet is none."""
        for name, state in states.items():
            if state != replicas.UNKNOWN:
                self.note(f"{_REPLICA}{name}", there=state == health.OK)

    def note_workers(self, workers: dict[str, int] | None) -> None:
        """Take note of who works behind the shop; None: nobody knows, while Redis is away."""
        self.note("redis", there=workers is not None)
        if workers is None:
            self._seen.clear()
            self._patient_until = time.monotonic() + PATIENCE_SECONDS
            return
        for name, count in workers.items():
            if count:
                self._seen.add(name)
            elif name not in self._seen and time.monotonic() < self._patient_until:
                continue
            self.note(name, there=count > 0)


class Watch:
    """The thread that looks."""

    def __init__(self, context: Callable[[], AbstractContextManager[Any]], folder: Path) -> None:
        self._context, self._folder = context, folder
        self._over = threading.Event()
        self._verdicts = 0
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; returns when it has."""
        self._over.set()
        self._thread.join(2 * health.SECONDS)

    def _run(self) -> None:
        lock = None
        changes, rounds = Changes(), 0
        while not self._over.wait(EVERY_SECONDS):
            self._keep_threads_free()
            lock = lock or self._only_one()
            if lock is None:
                changes = Changes()
                continue
            try:
                self._look(changes, rounds)
            except Exception:
                log.exception("cannot look after the shop")
            rounds += 1
        if lock is not None:
            os.close(lock)

    def _keep_threads_free(self) -> None:
        """End requests that wait for a database that hangs, and refuse the next at once.

        Each process for itself, and only while somebody has waited for long.
        """
        try:
            with self._context():
                line = engine.line()
                if not line.is_dead and line.longest() < HUNG_SECONDS:
                    return
                self._verdicts = self._verdicts + 1 if health.database_hangs() else 0
                if self._verdicts == VERDICTS:
                    log.error("the database hangs, requests that need it are refused")
                line.is_dead = self._verdicts >= VERDICTS
                if line.is_dead:
                    line.cut(HUNG_SECONDS)
        except Exception:
            log.exception("cannot look after the connections")

    def _look(self, changes: Changes, rounds: int) -> None:
        with self._context():
            if rounds % DATABASE_EVERY:
                changes.note_workers(health.look_behind())
                return
            state = health.look()
            changes.note("database", there=state.database)
            changes.note_replicas(state.replicas)
            changes.note_workers(state.workers)

    def _only_one(self) -> int | None:
        """Return the lock of who looks on this machine; None when another has it."""
        # The data folder may be shared with other machines.
        path = self._folder / f"watch-{socket.gethostname()}.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            # Rather twice than not at all.
            return os.open(os.devnull, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor
