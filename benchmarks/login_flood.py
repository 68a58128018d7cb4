"""``python -m benchmarks.login_flood``: what readers notice of a flood of logins.

Fifty clients log in without a pause, as fast as they are answered, while one reads books; each
request comes on a connection of its own, so that no process has all of them. The server is the shop
as it comes, two processes of eight threads, on all cores, with no rate limit in front; it runs once
as it is, and once without the bound on passwords that are checked at once.
"""

import argparse
import contextlib
import itertools
import multiprocessing
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from flask import Flask

from benchmarks import report, shop
from benchmarks.client import Client, Request
from benchmarks.server import Server
from bookstore import create_app
from bookstore.services import passwords

BOUND, UNBOUND = "wsgi:app", "benchmarks.login_flood:unbound()"
UNLIMITED = "1000000/second"


def unbound() -> Flask:
    """Return the shop without the bound, for gunicorn."""
    passwords._room = threading.BoundedSemaphore(10_000)
    passwords._turns = threading.BoundedSemaphore(10_000)
    return create_app()


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.login_flood", description=__doc__)
    add = parser.add_argument
    add("--database", choices=("sqlite", "postgresql"), default="postgresql")
    add("--clients", type=int, default=50, help="that log in at once (50)")
    add("--rounds", type=int, default=5, help="how often everything is measured (5)")
    add("--seconds", type=float, default=8, help="how long each window is (8)")
    options = parser.parse_args()
    about = report.machine()
    print(f"{about['cpu']}, {about['cores']} cores, load {about['load'][0]}; {about['commit']}")
    limits = {f"ratelimit_{name}": UNLIMITED for name in ("burst", "sustained", "login")}
    found: dict[str, list[list[float]]] = {}
    with shop.opened(options.database, 200, None, 1) as place, contextlib.ExitStack() as stack:
        settings = replace(place.settings, web_workers=2, **limits)  # type: ignore[arg-type]
        servers = {
            app: stack.enter_context(Server(app, settings, place.folder, None))
            for app in (UNBOUND, BOUND)
        }
        reads = [Request(f"/api/v2/books/{book_id}").encoded() for book_id, _, _ in place.books]
        for _ in range(options.rounds):
            for name, app, clients in (
                ("no flood", BOUND, 0),
                ("flood, no bound", UNBOUND, options.clients),
                ("flood, bound", BOUND, options.clients),
            ):
                with _flood(servers[app].address, clients) as statuses:
                    took = _read(servers[app].address, reads, options.seconds)
                    told = statuses()
                each = [_at(took, 0.5), _at(took, 0.99), len(took) / options.seconds]
                each += [told[status] / options.seconds for status in (401, 503)]
                found.setdefault(name, []).append(each)
        print(f"{place.software}, {options.rounds} rounds of {options.seconds:g} s: median (range)")
    for name, rounds in found.items():
        print(name)
        titles = ("read p50, ms", "read p99, ms", "reads a second", "checked a s", "refused a s")
        for title, values in zip(titles, zip(*rounds, strict=True), strict=True):
            print(f"  {title:<15}{_spread(list(values))}")
    return 0


@contextlib.contextmanager
def _flood(address: tuple[str, int], clients: int) -> Iterator[Any]:
    """Log in by so many clients; yield a function that ends it and returns the statuses."""
    if not clients:
        yield Counter
        return
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_log_in, args=(theirs, address, clients))
    process.start()
    before: Counter[int] = ours.recv()

    def statuses() -> Counter[int]:
        ours.send(None)
        told: Counter[int] = ours.recv()
        return told - before

    try:
        yield statuses
    finally:
        process.join(20)
        process.kill()


def _log_in(pipe: Connection, address: tuple[str, int], clients: int) -> None:
    over = threading.Event()
    numbers = itertools.count()
    counts: list[Counter[int]] = [Counter() for _ in range(clients)]

    def keep_on(count: Counter[int]) -> None:
        while not over.is_set():
            # Each time somebody else: who fails too often is not checked any more.
            login = f'{{"username": "nobody{next(numbers)}", "password": "a guess"}}'
            request = Request("/api/v2/auth/token", "POST", body=login.encode()).encoded()
            with Client(address, 1, status=None) as client:
                client.run(iter([request]))
                count.update(client.statuses)

    threads = [threading.Thread(target=keep_on, args=(count,)) for count in counts]
    for thread in threads:
        thread.start()
    time.sleep(1)  # until all of them are under way
    pipe.send(sum(counts, Counter()))
    pipe.recv()
    pipe.send(sum(counts, Counter()))
    over.set()
    for thread in threads:
        thread.join()


def _read(address: tuple[str, int], requests: list[bytes], seconds: float) -> list[float]:
    """Read one book after the other; return how many milliseconds each took, in order of size."""
    took = []
    until = time.perf_counter() + seconds
    for request in itertools.cycle(requests):
        started = time.perf_counter()
        with Client(address, 1) as client:
            client.run(iter([request]))
        took.append((time.perf_counter() - started) * 1e3)
        if time.perf_counter() > until:
            return sorted(took)
    raise AssertionError("there are no requests")


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):8.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    sys.exit(main())
