"""Two at once, on PostgreSQL: work that is held open, and others who wait for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from flask import Flask
from sqlalchemy import text

from bookstore.extensions import db
from bookstore.unit_of_work import unit_of_work
from tests.clients import wait_until


def wait_for(app: Flask, waiting: int) -> None:
    """Return once so many statements wait for others' locks, in this database."""

    def there() -> bool:
        count = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with app.app_context():
            return db.session.scalar(count) == waiting

    wait_until(there)


class Held:
    """Work in a thread, in a unit of work that stays open until it is let go."""

    def __init__(self, app: Flask, pool: ThreadPoolExecutor, work: Callable[[], Any]) -> None:
        self.app, self.work = app, work
        self.done, self.go = threading.Event(), threading.Event()
        self.future: Future[None] = pool.submit(self.run)
        assert self.done.wait(20)

    def run(self) -> None:
        with self.app.app_context(), unit_of_work():
            self.work()
            self.done.set()
            assert self.go.wait(20)

    def commit(self) -> None:
        """Let it commit."""
        self.go.set()
        self.future.result(20)


def in_thread(app: Flask, pool: ThreadPoolExecutor, work: Callable[[], Any]) -> Future[Any]:
    def run() -> Any:
        with app.app_context():
            return work()

    return pool.submit(run)
