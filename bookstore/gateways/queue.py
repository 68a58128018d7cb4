"""RQ as an alarm clock: jobs carry ids and wake-ups, never anything that could be lost.

A wake-up says that outgoing messages may be due. At most one waits in the queue: a key marks
it, and the worker deletes the key *before* it looks at the tables. What is committed before
that is seen; what is committed after it sets the key anew and queues the next wake-up.
"""

import contextlib
import logging
from datetime import datetime
from typing import Any

import redis
from rq import Queue, Retry as JobRetry
from rq.job import Job
from rq.serializers import JSONSerializer

from bookstore.extensions import redis_handle

log = logging.getLogger(__name__)

# What takes minutes has a queue of its own: no refund stands behind a report.
OUTGOING, JOBS, LONG = QUEUES = "outgoing", "jobs", "long"
DRAIN = "bookstore.jobs.drain"

WAKE = "bookstore:wake:outgoing"
# Should both key and job get lost, the sweep is the next to try; this is for when it is away.
WAKE_SECONDS = 30
JOB_SECONDS = 600
# RQ itself would keep failed jobs, with their stack traces, for a year.
FAILURE_SECONDS = 86_400
# Longer than RQ waits for a job (its worker's time to live less 15 s), and 10 s more.
_LONGEST_WAIT = 30


def queue(name: str) -> Queue:
    """Return the queue of that name, on the app's Redis."""
    return Queue(name, connection=redis_handle.queue, serializer=JSONSerializer)


def blocking_client() -> "redis.Redis":
    """Return a client for those who wait for work.

    Its timeout is longer than any wait. RQ would set one, but only for connections made later:
    the first would give up after redis-py's 5 s, again and again, and then be left alone for
    longer and longer.
    """
    return redis_handle.clients.waiting(_LONGEST_WAIT)


def enqueue(function: str, *args: Any, on: str = JOBS, seconds: int = JOB_SECONDS) -> bool:
    """Queue a job by its dotted name; return False (and log) when Redis is away.

    ``seconds``: how long it may take.
    """
    try:
        queue(on).enqueue(
            function,
            args=args,
            # Of its own: RQ's would have the arguments in it, and shows it in logs and dashboards.
            description=function,
            result_ttl=0,
            failure_ttl=FAILURE_SECONDS,
            job_timeout=seconds,
            # Also for one whose worker was killed: every job is safe to run twice.
            retry=JobRetry(max=2),
        )
    except redis.RedisError as error:
        log.warning("job not queued, Redis is away", extra={"job": function, "why": str(error)})
        return False
    return True


def enqueue_once(function: str) -> None:
    """Queue a job without arguments, unless one waits already that will see what is there now.

    Nothing rests on it: the mark goes by itself when the job got lost, and the sweep asks again.
    """
    try:
        if redis_handle.client.set(_mark(function), 1, nx=True, ex=WAKE_SECONDS):
            enqueue(function)
    except redis.RedisError as error:
        log.debug("not queued, Redis is away", extra={"job": function, "why": str(error)})


def begun(function: str) -> None:
    """Say, before the job looks at the tables, that what comes from now on needs another."""
    with contextlib.suppress(redis.RedisError):
        redis_handle.client.delete(_mark(function))


def wake() -> None:
    """Have due messages sent soon. A Redis that is away is no error: the sweep finds them."""
    try:
        if redis_handle.client.set(WAKE, 1, nx=True, ex=WAKE_SECONDS):
            queue_drain()
    except redis.RedisError as error:
        log.debug("not woken, Redis is away", extra={"why": str(error)})


def rewake() -> None:
    """As ``wake``, for the sweep: also when the key is there but its job got lost."""
    if queue(OUTGOING).count == 0:
        redis_handle.client.set(WAKE, 1, ex=WAKE_SECONDS)
        queue_drain()


def woken() -> bool:
    """Whether somebody woke us since the last call; clears the mark. False without Redis."""
    try:
        return bool(redis_handle.client.delete(WAKE))
    except redis.RedisError:
        return False


def marked() -> bool:
    """Whether a wake-up waits in the queue, or has just been taken. False without Redis.

    A drain that is under way looks at the mark and leaves it: the job behind it is still to come,
    for another worker perhaps, and while it waits no second one is queued.
    """
    try:
        return bool(redis_handle.client.exists(WAKE))
    except redis.RedisError:
        return False


def depths() -> dict[str, int]:
    """Return how many jobs wait in each queue.

    Raises:
        redis.RedisError: Redis is away.
    """
    return {name: queue(name).count for name in QUEUES}


def oldest(now: datetime) -> dict[str, float]:
    """Return for how many seconds the first job of each queue has waited; 0 when none does.

    Raises:
        redis.RedisError: Redis is away.
    """
    found = {}
    for name in QUEUES:
        first: Any = redis_handle.queue.lindex(queue(name).key, 0)
        at: Any = first and redis_handle.queue.hget(Job.key_for(first.decode()), "enqueued_at")
        since = datetime.fromisoformat(at.decode()) if at else now
        found[name] = max(0.0, (now - since).total_seconds())
    return found


def _mark(function: str) -> str:
    return f"bookstore:wake:{function}"


def queue_drain() -> None:
    """Queue the wake-up, whose mark has just been set; raises redis.RedisError."""
    queue(OUTGOING).enqueue(
        DRAIN, description=DRAIN, result_ttl=0, failure_ttl=60, job_timeout=JOB_SECONDS
    )
