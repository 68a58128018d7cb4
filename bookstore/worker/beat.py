"""The sign of life of a worker or scheduler, whatever else the process is busy with."""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from flask import Flask

from bookstore.gateways import beats

log = logging.getLogger(__name__)


class Beat:
    """Beats each second in a thread of its own; a context manager."""

    def __init__(self, app: Flask, role: str) -> None:
        with app.app_context():
            self._client = beats.own_client()
        self._role, self._member = role, f"{socket.gethostname()}:{os.getpid()}"
        self._over = threading.Event()
        self._beating = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)

    def __enter__(self) -> "Beat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # What was shown last runs out by itself: a successor who comes soon leaves no gap.
        self._over.set()
        self._thread.join(2)
        self._client.close()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not beat meanwhile: a child that is forked in the middle would inherit its locks."""
        with self._beating:
            yield

    def _run(self) -> None:
        while True:
            with self._beating:
                try:
                    beats.beat(self._client, self._role, self._member)
                except redis.RedisError as error:
                    log.debug("no beat, Redis is away", extra={"why": str(error)})
            if self._over.wait(beats.EVERY_SECONDS):
                return
