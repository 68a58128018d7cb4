"""What recurs: each turn is taken by one scheduler, however many run.

Sweeps and upkeep are short and run here. As jobs in a queue they would stand behind the very
messages that they are to get moving again. What may take long is left to the workers.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import redis
from flask import Flask
from sqlalchemy.exc import DBAPIError

from bookstore import clock, instruments, jobs, logs, traces
from bookstore.config import Settings
from bookstore.gateways import beats, claims, queue
from bookstore.supervisor import StopSignal
from bookstore.worker.beat import Beat

log = logging.getLogger(__name__)

JUMP_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 60.0
# Of a big shop, on a slow machine.
FIT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Recurring:
    """A job that is due each so many seconds, and is safe to run twice or late.

    Where ``wanted`` says no, it is left out.
    """

    name: str
    every: float
    run: Callable[[], object]
    wanted: Callable[[Settings], bool] = lambda _settings: True


class ClockWatch:
    """Sees the clock of the wall jump, by one that cannot."""

    def __init__(self) -> None:
        self._apart = self._measure()

    def jumped(self) -> bool:
        """Return whether the clock was set since the last call."""
        before, self._apart = self._apart, self._measure()
        return abs(self._apart - before) > JUMP_SECONDS

    @staticmethod
    def _measure() -> float:
        return clock.now().timestamp() - time.monotonic()


def sweep(*, clock_jumped: bool = False) -> None:
    """Wake the workers for what is due, and note that a scheduler is alive.

    Raises:
        redis.RedisError: Redis is away.
    """
    jobs.sweep(clock_jumped)
    claims.note_sweep()


def _queued(
    function: str, seconds: int = queue.JOB_SECONDS, on: str = queue.JOBS
) -> Callable[[], None]:
    def enqueue() -> None:
        if not queue.enqueue(function, on=on, seconds=seconds):
            raise redis.ConnectionError("not queued")

    return enqueue


RECURRING = (
    Recurring("sweep", 10, sweep),
    Recurring("upkeep", 60, jobs.upkeep),
    Recurring("payments", 30, jobs.look_after_payments),
    Recurring("covers", 30, jobs.look_after_covers),
    Recurring("jobs", 10, jobs.look_after_jobs),
    Recurring("sales", 60, jobs.fold_sales),
    Recurring("sandbox", 5, jobs.deliver_sandbox_events, lambda s: s.takes_test_cards),
    Recurring("report", 3600, _queued("bookstore.jobs.report")),
    Recurring("reconciliation", 86_400, _queued("bookstore.jobs.reconcile_payments")),
    Recurring("maintenance", 86_400, _queued("bookstore.jobs.maintain")),
    Recurring(
        "recommendations",
        86_400,
        _queued("bookstore.jobs.fit_recommendations", FIT_SECONDS, queue.LONG),
    ),
)


class Scheduler:
    """Starts recurring jobs of one app when they are due."""

    def __init__(self, app: Flask, recurring: tuple[Recurring, ...] = RECURRING) -> None:
        settings: Settings = app.config["SETTINGS"]
        self.app = app
        self.recurring = tuple(item for item in recurring if item.wanted(settings))
        self._due = dict.fromkeys((item.name for item in self.recurring), 0.0)
        self._watch = ClockWatch()
        # The clock may have been set while nobody looked.
        self._repair = True
        self._away = False
        # Turns that were ours when Redis went away: they are to be given back, not waited for.
        self._owed: set[str] = set()

    def tick(self) -> float:
        """Do what is due, and return in how many seconds (at most 1) to look again."""
        if self._watch.jumped():
            self._repair = True
            self._due = dict.fromkeys(self._due, 0.0)
        for item in self.recurring:
            if time.monotonic() >= self._due[item.name]:
                self._due[item.name] = time.monotonic() + self._turn(item)
        return min(1.0, max(0.0, min(self._due.values()) - time.monotonic()))

    def _turn(self, item: Recurring) -> float:
        """Run a job if this turn is ours; return in how many seconds its next is due."""
        with self.app.app_context():
            taken = item.every
            try:
                if item.name in self._owed:
                    claims.give_back(item.name)
                    self._owed.discard(item.name)
                taken = claims.take(item.name, item.every)
                if item.run is sweep and self._repair:
                    # Whoever's turn it is: this process is the one that saw the clock jump. It
                    # goes on trying until the database has let it.
                    self._repair = not self._run(item, lambda: sweep(clock_jumped=True))
                elif taken:
                    return taken
                else:
                    self._run(item, item.run)
            except redis.RedisError as error:
                if not taken:
                    self._owed.add(item.name)
                if not self._away:
                    log.warning("Redis is away, waiting for it", extra={"why": str(error)})
                self._away = True
                return 1.0
            if self._away:
                log.warning("Redis is back")
            self._away = False
            return item.every

    def _run(self, item: Recurring, run: Callable[[], object]) -> bool:
        """Run a job; return whether it went well. That Redis is away is raised."""
        token = logs.request_id.set(f"{item.name}-{round(clock.now().timestamp())}")
        started, outcome = time.perf_counter(), "failed"
        try:
            # What is looked for every few seconds would drown all else.
            with traces.span(f"recurring {item.name}") if item.every >= 30 else traces.NOTHING:
                run()
            outcome = "done"
        except redis.RedisError:
            raise
        except DBAPIError as error:
            why = str(error.orig).strip().splitlines()[0]
            log.error("recurring job failed", extra={"job": item.name, "why": why})
            claims.shorten(item.name, LONGEST_RETRY_SECONDS)
        except Exception:
            log.exception("recurring job failed", extra={"job": item.name})
            claims.shorten(item.name, LONGEST_RETRY_SECONDS)
        else:
            return True
        finally:
            instruments.JOBS.add(item.name, outcome)
            instruments.JOB_SECONDS.observe(item.name, seconds=time.perf_counter() - started)
            logs.request_id.reset(token)
        return False


def run(app: Flask) -> int:
    """Start what recurs until SIGTERM or SIGINT; return the exit status."""
    stop = StopSignal()
    scheduler = Scheduler(app)
    with Beat(app, beats.SCHEDULER):
        pause = scheduler.tick()
        log.info("the scheduler is at work")
        while not stop.wait(pause):
            pause = scheduler.tick()
    return 0
