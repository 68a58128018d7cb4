"""RQ's workers, made patient with Redis and particular about what they run.

RQ only wakes us up: what is to be sent stands in the database. So a worker that loses a job
loses nothing, but one that ends, or that runs whatever it is told to, would be a nuisance.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import redis
from flask import Flask
from rq import Queue, SimpleWorker, Worker, worker_registration
from rq.exceptions import InvalidJobOperation, StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker, WorkerStatus

from bookstore import instruments, logs, scrubbing, sentry, traces
from bookstore.extensions import db
from bookstore.gateways import queue as gateway
from bookstore.gateways.embedded_redis import follow
from bookstore.services import outgoing
from bookstore.worker import waking
from bookstore.worker.beat import Beat
from bookstore.worker.known_jobs import KnownJob, name_of

log = logging.getLogger(__name__)

# Registered for so long after its last sign of life; it gives one each half of that.
ALIVE_SECONDS = 30
BEAT_SECONDS = 10
MAINTENANCE_SECONDS = 60
# What is in flight may take so long to finish after SIGTERM.
STOP_SECONDS = 25
RETRY_SECONDS = 0.5


class PatientWorker(BaseWorker):
    """What ours have in common: they wait for Redis, and stop when they are told."""

    job_class = KnownJob

    def __init__(self, app: Flask, name: str, connection: "redis.Redis", beat: Beat) -> None:
        self.app = app
        self.beat = beat
        self.told_at: float | None = None
        super().__init__(
            [Queue(name, connection=connection, job_class=KnownJob, serializer=JSONSerializer)],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=ALIVE_SECONDS,
            job_monitoring_interval=BEAT_SECONDS,
            maintenance_interval=MAINTENANCE_SECONDS,
            log_job_description=False,
        )

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Wait for Redis, then show that we are alive; also to a Redis that forgot us."""
        if pipeline is None:
            if self._stop_requested and self._state != WorkerStatus.BUSY:
                raise StopRequested
            wait_for_redis(self.connection, self)
        super().heartbeat(ALIVE_SECONDS, pipeline)
        worker_registration.register(self, pipeline)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Return for how many seconds a running job counts as running without a sign of it."""
        return 3 * BEAT_SECONDS + 60

    def subscribe(self) -> None:
        """Take no commands by pub/sub: we are told by signals."""

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Run a job in an app context, its id in each line of the log."""
        token = logs.request_id.set(job.id)
        started = time.perf_counter()
        try:
            with self.app.app_context(), self.span(job) as span:
                fine = super().perform_job(job, queue, execution)
                if not fine:
                    span.failed("job")
            outcome, seconds = "done" if fine else "failed", time.perf_counter() - started
            log.info(
                "job %s", outcome, extra={"job": job.func_name, "ms": round(seconds * 1000, 1)}
            )
            instruments.JOBS.add(name_of(job), outcome)
            instruments.JOB_SECONDS.observe(name_of(job), seconds=seconds)
            return fine
        finally:
            logs.request_id.reset(token)

    def span(self, job: Job) -> traces.Span:
        """Return the span of a job; below nothing, since many may have asked for it."""
        return traces.span(f"job {name_of(job)}", "consumer")

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job; that RQ could not note its end, with Redis away, is no reason to go."""
        try:
            self.run_job(job, queue)
        except redis.RedisError as error:
            log.warning("Redis went away under a job", extra={"why": str(error)})
            self.executions.clear()
            self._state = WorkerStatus.IDLE

    def run_job(self, job: Job, queue: Queue) -> None:
        """Run a job as RQ's own worker of that kind does."""
        super().execute_job(job, queue)

    def handle_job_success(self, job: Job, *args: Any, **kwargs: Any) -> None:
        """Note that a job is done; a Redis that forgot it meanwhile is told nothing."""
        try:
            super().handle_job_success(job, *args, **kwargs)
        except InvalidJobOperation:
            log.warning("Redis forgot a job while it ran; it is done", extra={"job": job.func_name})

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log that a job failed; RQ's own would log its arguments as well."""
        log.error("job failed", exc_info=exc_info, extra={"job": name_of(job)})

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: Any = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        """Note that a job failed; what Redis keeps of it has nothing that a log may not have."""
        told = scrubbing.scrub(exc_string)
        super().handle_job_failure(job, queue, started_job_registry, told, execution)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Note that we are to stop: at once when idle, else when the job is over."""
        self.told_at = time.monotonic()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def _shutdown(self) -> None:
        # RQ's own writes to Redis here, in a signal handler, and fails when that is away.
        self._stop_requested = True
        if self._state != WorkerStatus.BUSY:
            # Whatever it interrupts may swallow it; the next sign of life raises it again.
            raise StopRequested
        outgoing.stop()

    @property
    def overdue(self) -> bool:
        """Whether we were told to stop longer ago than we may take."""
        return self.told_at is not None and time.monotonic() - self.told_at > STOP_SECONDS


class Drainer(PatientWorker, SimpleWorker):
    """Runs its jobs in this process, one after the other: what it holds ready stays ready."""

    def span(self, job: Job) -> traces.Span:
        """Return none: a drain is nobody's trace, each message that it sends is somebody's."""
        return traces.NOTHING

    def run_job(self, job: Job, queue: Queue) -> None:
        """Run a job, showing meanwhile that we are alive."""
        execution = self.prepare_execution(job)
        with self._pulse(job, execution):
            self.perform_job(job, queue, execution)
        self.set_state(WorkerStatus.IDLE)

    @contextmanager
    def _pulse(self, job: Job, execution: Execution) -> Iterator[None]:
        over = threading.Event()

        def beat() -> None:
            last, said = time.monotonic(), False
            while not over.wait(1):
                if self.told_at is not None and not said:
                    # Here, not in the signal handler: it may have interrupted another log line.
                    log.info("stopping as soon as what is in flight has arrived")
                    said = True
                if self.overdue:
                    # What was in flight is leased; another will take it over.
                    log.error("not stopped in time, leaving")
                    os._exit(1)
                if time.monotonic() - last >= BEAT_SECONDS:
                    last = time.monotonic()
                    try:
                        self.maintain_heartbeats(job, execution)
                    except redis.RedisError:
                        log.debug("no heartbeat, Redis is away")

        thread = threading.Thread(target=beat, name="pulse", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


class Forker(PatientWorker, Worker):
    """Runs each job in a process of its own, which may leak, crash or be killed."""

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Start the child; it must know whose it is."""
        self.parent = os.getpid()
        with self.beat.paused():
            super().fork_work_horse(job, queue)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Run the job, in the child, which ends as soon as it is over."""
        try:
            return super().perform_job(job, queue, execution)
        finally:
            traces.stop()
            sentry.flush()

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Run the job, in the child, with connections of its own to the database."""
        follow(self.parent, signal.SIGKILL)
        with self.app.app_context():
            for engine in db.engines.values():
                engine.dispose(close=False)
        super().main_work_horse(job, queue)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """Show that we are alive; end a job that takes too long over stopping."""
        super().maintain_heartbeats(job, execution)
        if self.overdue:
            self.kill_horse()


KINDS: dict[str, type[PatientWorker]] = {
    gateway.OUTGOING: Drainer,
    gateway.JOBS: Forker,
    gateway.LONG: Forker,
}


def run(app: Flask, name: str) -> int:
    """Work on one queue until SIGTERM or SIGINT; return the exit status.

    A Redis that is away, now or later, is waited for.
    """
    with app.app_context():
        connection = gateway.blocking_client()
    with Beat(app, name) as beat:
        return _work(app, name, connection, beat)


def _work(app: Flask, name: str, connection: "redis.Redis", beat: Beat) -> int:
    while True:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
        wait_for_redis(connection)
        waking.look_at_once(app, name)
        worker = KINDS[name](app, name, connection, beat)
        try:
            worker.work(logging_level="WARNING")
        except StopRequested:
            pass
        except redis.RedisError as error:
            log.debug("worker not signed off, Redis is away", extra={"why": str(error)})
        if worker.told_at is not None:
            return 0
        log.warning("the worker ended, starting it again", extra={"queue": name})
        time.sleep(1)


def wait_for_redis(connection: "redis.Redis", worker: PatientWorker | None = None) -> None:
    """Return once Redis answers; say once that it does not.

    Raises:
        StopRequested: the worker was told to stop meanwhile.
    """
    said = False
    while True:
        try:
            connection.ping()
        except redis.RedisError as error:
            if worker is not None and worker.told_at is not None:
                raise StopRequested from None
            if not said:
                log.warning("Redis is away, waiting for it", extra={"why": str(error)})
            said = True
            time.sleep(RETRY_SECONDS)
            continue
        if said:
            log.warning("Redis is back")
        return
