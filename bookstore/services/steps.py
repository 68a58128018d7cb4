"""Long work in steps, each a transaction of its own: what a job and a command have in common."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from sqlalchemy.orm import Session

from bookstore.services.actors import Acting
from bookstore.unit_of_work import unit_of_work


class Steps(Protocol):
    """How far the work is, and where it goes on when it was interrupted.

    ``job_progress.Progress`` is one. ``actor``: who asked. ``state``: as it was last saved.
    """

    done: int
    total: int | None
    state: dict[str, Any]

    @property
    def actor(self) -> Acting:
        """Who asked for it."""

    def batch(self, steps: int, **state: Any) -> AbstractContextManager[Session]:
        """Do some of the work in one transaction with the note that it is done.

        What is put into ``self.state`` meanwhile is saved with it.
        """


class Alone:
    """Work that nobody carries on: a command's. ``progress`` is called with (done, total)."""

    def __init__(self, actor: Acting, progress: Callable[[int, int], None] | None = None) -> None:
        self.actor, self._progress = actor, progress
        self.done = 0
        self.total: int | None = None
        self.state: dict[str, Any] = {}

    @contextmanager
    def batch(self, steps: int, **state: Any) -> Iterator[Session]:
        """Open a unit of work, and tell of it when it has been committed."""
        with unit_of_work() as session:
            yield session
        self.tell(steps, state)

    def tell(self, steps: int, state: dict[str, Any]) -> None:
        """Note that so many steps are done."""
        self.state.update(state)
        self.done += steps
        if self._progress is not None and steps:
            self._progress(self.done, self.total or 0)
