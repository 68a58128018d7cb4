"""``python -m benchmarks.deliveries``: how many webhooks one worker process delivers a second.

A thousand-byte event each, signed, to a receiver on this machine that is a process of its own.
Measured from the start of the drain to its end, when every result is written; the receiver
must then have seen each ``webhook-id``. For contrast, the same deliveries by one RQ job each: the
same signing and HTTP client, and one transaction to read and one to write.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from flask import Flask
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import delete, func, insert, select

from benchmarks import report, shop
from benchmarks.server import ROOT, environ
from bookstore import clock, create_app, jobs
from bookstore.config import Settings
from bookstore.extensions import db, redis_handle
from bookstore.gateways.embedded_redis import spawn
from bookstore.models import Event, WebhookDelivery, WebhookEndpoint
from bookstore.services import vault, webhook_signing
from bookstore.services.event_types import TYPES
from bookstore.services.events import envelope
from bookstore.services.webhook_delivery import Webhooks
from bookstore.unit_of_work import unit_of_work

SIZE = 1000
AIM = 800  # a second, by a drain


def main() -> int:
    """Measure, print the table, return the exit status."""
    options = _options()
    if options.work is not None:
        return _work(options.work)
    about = report.machine()
    print(f"{about['at']}, commit {about['commit']}, {about['cpu']}, load {about['load'][0]}")
    print(f"{options.rounds} rounds; CPU is the worker process's, user + system\n")
    print(f"{'':44}  deliveries/s       min–max  CPU ms each   aim  met")
    for database in ("sqlite", "postgresql"):
        if options.database in {database, "both"}:
            _measure(database, options)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deliveries", description=__doc__)
    add = parser.add_argument
    add("--database", choices=("sqlite", "postgresql", "both"), default="both")
    add("--count", type=int, default=8000, help="deliveries a round (8000)")
    add("--rounds", type=int, default=3, help="how often (3)")
    add("--only", choices=("drain", "job"), help="leave the other out")
    add("--work", choices=("drain", "job"), help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(database: str, options: argparse.Namespace) -> None:
    with (
        shop.empty(database, webhook_allow_private_networks=True, log_level="ERROR") as place,
        _receiver() as port,
    ):
        print(place.software)
        lines = [
            ("drain", 8, options.count, "one drain, 8 endpoints"),
            ("drain", 1, options.count, "one drain, 1 endpoint"),
            ("job", 8, max(100, options.count // 40), "a job each (SimpleWorker), 8 endpoints"),
        ]
        for how, endpoints, count, title in lines:
            if options.only in {None, how}:
                rounds = [
                    _round(how, place.settings, database, port, endpoints, count)
                    for _ in range(options.rounds)
                ]
                rates = [count / seconds for seconds, _ in rounds]
                cpu = statistics.median(used * 1000 / count for _, used in rounds)
                spread = f"{min(rates):.0f}–{max(rates):.0f}"
                rate = statistics.median(rates)
                line = f"  {title:42}  {rate:12.0f}  {spread:>12}  {cpu:11.2f}"
                if how == "drain":
                    line += f"  {AIM:4}  {'yes' if rate >= AIM else 'no':>3}"
                print(line, flush=True)


def _round(
    how: str, settings: Settings, database: str, port: int, endpoints: int, count: int
) -> tuple[float, float]:
    """Return (seconds, CPU seconds of the worker) of one round."""
    _fill(port, endpoints, count)
    shop.vacuum(database)
    if how == "job":
        _enqueue()
    command = [sys.executable, "-m", "benchmarks.deliveries", "--work", how]
    process = spawn(
        command, signal.SIGTERM, cwd=ROOT, env=environ(settings), stdout=subprocess.PIPE
    )
    told, _ = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(f"the worker ended with {process.returncode}")
    _check(port, count)
    taken = json.loads(told.splitlines()[-1])
    return taken["seconds"], taken["cpu"]


def _fill(port: int, endpoints: int, count: int) -> None:
    now, kind = clock.now(), TYPES["order.created"]
    with unit_of_work() as session:
        session.execute(delete(WebhookEndpoint))
        session.execute(delete(Event))
        hooks = [
            WebhookEndpoint(
                url=f"http://127.0.0.1:{port}/{number}",
                secret=vault.seal(webhook_signing.new_secret()),
            )
            for number in range(endpoints)
        ]
        session.add_all(hooks)
        session.flush()
        connection = session.connection()
        base = (session.scalar(select(func.max(Event.id))) or 0) + 1
        events, rows = [], []
        for number in range(count):
            public_id = f"evt_{clock.now().timestamp():.6f}_{number}"
            body = envelope(public_id, kind, number + 1, now, {"padding": ""})
            body = body.replace(b'""', b'"' + b"x" * (SIZE - len(body)) + b'"')
            event: dict[str, Any] = {
                "id": base + number,
                "public_id": public_id,
                "type": kind.name,
                "aggregate": kind.aggregate,
                "aggregate_id": 1,
                "sequence": number + 1,
                "transaction_id": 0,
                "body": body,
                "created_at": now,
            }
            events.append(event)
            rows.append({"event_id": base + number, "endpoint_id": hooks[number % endpoints].id})
        connection.execute(insert(Event.__table__), events)
        connection.execute(insert(WebhookDelivery.__table__), rows)


def _check(port: int, count: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        seen = int(answer.read())
    db.session.rollback()
    done = db.session.scalar(
        select(func.count())
        .select_from(WebhookDelivery)
        .where(WebhookDelivery.status == "succeeded")
    )
    db.session.rollback()
    if (seen, done) != (count, count):
        raise RuntimeError(f"of {count} deliveries {seen} arrived and {done} are written down")


@contextmanager
def _receiver() -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.receiver"]
    process = spawn(command, signal.SIGTERM, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


# -- in the worker's process ----------------------------------------------------------------------
def _work(how: str) -> int:
    app = create_app(Settings.from_environ())
    with app.app_context():
        db.session.execute(select(1))
        process = psutil.Process()
        before, started = process.cpu_times(), time.monotonic()
        if how == "drain":
            jobs.drain()
        else:
            _run_jobs(app)
        seconds, after = time.monotonic() - started, process.cpu_times()
    cpu = after.user + after.system - before.user - before.system
    print(json.dumps({"seconds": seconds, "cpu": cpu}))
    return 0


def _queue() -> Queue:
    return Queue("deliveries", connection=redis_handle.client, serializer=JSONSerializer)


def _enqueue() -> None:
    queue = _queue()
    for id_ in db.session.scalars(select(WebhookDelivery.id)).all():
        queue.enqueue("benchmarks.deliveries.deliver_one", id_, result_ttl=0)
    db.session.rollback()


_channel: list[Webhooks] = []


def deliver_one(delivery_id: int) -> None:
    """The job of one delivery: claim it, send it, write it down."""
    channel = _channel[0]
    del delivery_id  # the next one due is as good, and costs the same
    with unit_of_work() as session:
        [work] = channel.claim(session, "job", 1, {})
    attempt = channel.send(work)
    with unit_of_work() as session:
        channel.finish(session, "job", [(work, attempt)])


def _run_jobs(app: Flask) -> None:
    sys.modules["benchmarks.deliveries"] = sys.modules["__main__"]
    _channel.append(Webhooks())
    queue = _queue()
    worker = SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.work(burst=True, logging_level="ERROR")


if __name__ == "__main__":
    sys.exit(main())
