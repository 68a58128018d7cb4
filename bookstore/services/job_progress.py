"""What a job has in hand while it runs: how far it is, where it goes on, the files it makes.

Every write asks whether the job is still ours. A worker that was too slow, and whose job another
has taken over, or one whose job was called off, is stopped by that at its next step.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from bookstore import clock
from bookstore.models import Job
from bookstore.models.jobs import RUNNING
from bookstore.services import job_ends, job_views, storage
from bookstore.services.actors import Actor
from bookstore.services.jobs import FOLDER
from bookstore.services.outgoing import LEASE
from bookstore.unit_of_work import unit_of_work

WRITE_SECONDS = 0.5


class NoLongerOurs(Exception):
    """The job was called off, or somebody else has it."""


class TookTooLong(Exception):
    """The job has had its time."""


@dataclass(frozen=True, slots=True)
class Held:
    """A job that is ours for a while. ``actor`` is who asked, with staff's rights if they had."""

    id: int
    kind: str
    owner: str
    actor: Actor
    parameters: dict[str, Any]


class Progress:
    """How far a job is, in the hands of what does it.

    ``actor``: who asked, with the rights that they have now. ``parameters``: what they asked for.
    ``done``, ``total``: steps; no total while nobody knows. ``state``: where it goes on, as it was
    last saved; empty at first. ``files``: what was kept so far.
    """

    def __init__(
        self, held: Held, *, done: int, total: int | None, state: dict[str, Any], seconds: float
    ) -> None:
        self.held, self.done, self.state = held, done, state
        self.actor, self.parameters = held.actor, held.parameters
        self.files: list[dict[str, Any]] = []
        self._total = total
        self._until = time.monotonic() + seconds
        self._written = time.monotonic()

    @property
    def total(self) -> int | None:
        """How many steps there are."""
        return self._total

    @total.setter
    def total(self, value: int | None) -> None:
        """Set it, and write it down at once; raises as ``advance``."""
        self._total = value
        self._written = float("-inf")  # that is worth telling at once
        self.advance(0)

    def advance(self, steps: int = 1) -> None:
        """Note that so many more steps are done; written down twice a second at most.

        For work that is begun anew when it is interrupted; else ``batch``.

        Raises:
            NoLongerOurs, TookTooLong: stop.
        """
        self.done += steps
        if time.monotonic() - self._written >= WRITE_SECONDS:
            with unit_of_work() as session:
                self.write(session)

    @contextmanager
    def batch(self, steps: int, **state: Any) -> Iterator[Session]:
        """Do some of the work in one transaction with the note that it is done: exactly once.

        Args:
            steps: how many of ``total`` this is.
            state: what ``self.state`` is from then on, besides what it was.

        Raises:
            NoLongerOurs, TookTooLong: stop; nothing of the batch is done.
        """
        before = self.done, dict(self.state)
        try:
            with unit_of_work() as session:
                yield session
                self.done += steps
                self.state.update(state)
                session.flush()
                # It got on, so what went wrong before is no reason to give up.
                self.write(session, state=dict(self.state), attempts=1)
        except BaseException:
            self.done, self.state = before
            raise

    def keep(self, name: str, data: bytes, content_type: str) -> None:
        """Keep a file that is part of the result; ``name`` is letters, digits, ``-_`` and a suffix.

        Raises:
            StorageUnavailable: the store cannot be asked.
        """
        # Not to be guessed: who may read a bucket can read what is in it.
        key = f"{FOLDER}/{self.held.id}/{secrets.token_hex(16)}/{name}"
        with storage.asking() as store:
            store.put(key, data, content_type, storage.PRIVATE)
        self.files.append(
            {"name": name, "key": key, "content_type": content_type, "size": len(data)}
        )

    def forget_secrets(self, session: Session) -> None:
        """Leave in the job's row the parameters that anybody may see; goes with a batch.

        For who has fetched what an address leads to.
        """
        parameters = job_ends.without_secrets(self.parameters)
        session.execute(
            update(Job)
            .where(Job.id == self.held.id)
            .values(parameters=parameters)
            .execution_options(synchronize_session=False)
        )

    def write(self, session: Session, **values: Any) -> None:
        """Write down how far it is, and tell who watches, if it is still ours.

        Raises:
            NoLongerOurs, TookTooLong: stop.
        """
        now, lets_go = clock.now(), "lease_owner" in values
        if time.monotonic() > self._until and not lets_go:
            raise TookTooLong
        changes = {
            "done": self.done,
            "total": self._total,
            "version": Job.version + 1,
            "updated_at": now,
            "next_attempt_at": now + LEASE,
            **values,
        }
        job = session.scalars(
            update(Job)
            .where(Job.id == self.held.id, Job.lease_owner == self.held.owner)
            .where(Job.status == RUNNING)
            .values(changes)
            .returning(Job),
            execution_options={"synchronize_session": False, "populate_existing": True},
        ).first()
        if job is None:
            raise NoLongerOurs
        if lets_go or time.monotonic() - self._written >= WRITE_SECONDS:
            self._written = time.monotonic()
            job_views.publish(job)
