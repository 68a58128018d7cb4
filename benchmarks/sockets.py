"""``python -m benchmarks.sockets``: sockets held by one process, their memory, CPU and latency."""

import argparse
import contextlib
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import insert, update

from benchmarks import followers, report, shop
from benchmarks.server import Server, cores
from bookstore import clock
from bookstore.extensions import db
from bookstore.gateways import pubsub
from bookstore.gateways.pubsub import Update
from bookstore.models import Order, User
from bookstore.services import live
from bookstore.services.tracking import SOCKETS_A_USER
from bookstore.unit_of_work import after_commit, unit_of_work


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sockets", description=__doc__)
    add = parser.add_argument
    add("--sockets", type=int, nargs="+", default=[2000, 10_000], help="how many (2000 10000)")
    add("--rounds", type=int, default=7, help="updates to all (7)")
    add("--rate", type=int, default=200, help="orders changed a second (200)")
    add("--seconds", type=float, default=10, help="for how long (10)")
    add("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    pinned = cores()
    if pinned:
        os.sched_setaffinity(0, {pinned[1]})
    followers.raise_limit()
    about = report.machine()
    print(f"{about['cpu']}, {about['cores']} cores, load {about['load'][0]}; {about['commit']}")
    for count in options.sockets:
        users = count // SOCKETS_A_USER + 1
        with shop.opened(options.database, 200, None, users) as place:
            _make_orders(users, count)
            tokens = [place.buyers[n // SOCKETS_A_USER].token for n in range(count)]
            core = pinned[0] if pinned else None
            print(f"\n{count:,} sockets, {place.software}")
            with Server("wsgi:app", place.settings, place.folder, core) as server:
                _to_all(server, tokens, options.rounds)
            with Server("wsgi:app", place.settings, place.folder, core) as server:
                _each_its_own(server, tokens, options.rate, options.seconds)
    return 0


def _make_orders(users: int, count: int) -> None:
    now = clock.now()
    row = {
        "status": "pending",
        "payment_status": "unpaid",
        "subtotal": 100,
        "discount": 0,
        "shipping": 0,
        "tax": 0,
        "total_amount": 100,
        "currency": "usd",
        "shipping_method": "standard",
        "shipping_address": {},
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    with db.engine.begin() as connection:
        connection.execute(
            insert(Order.__table__),
            [
                {**row, "id": n + 1, "number": f"B-{n}", "user_id": n // SOCKETS_A_USER + 1}
                for n in range(count)
            ],
        )
        # Staff, so that all may follow one order.
        connection.execute(update(User.__table__).values(is_staff=True))


def _to_all(server: Server, tokens: list[str], rounds: int) -> None:
    """All follow order 1, and are told of it at once."""
    before, cpu, started = _private(server), server.cpu(), time.perf_counter()
    with _clients(server, [(1, token) for token in tokens]) as pipe:
        seconds, used = time.perf_counter() - started, server.cpu() - cpu
        count = len(tokens)
        each = used / count * 1e3
        print(f"  connecting        {count / seconds:8,.0f} a second, {each:.2f} ms CPU each")
        _settle(server)
        print(f"  memory            {(_private(server) - before) / count / 1024:8.1f} KiB a socket")
        medians, p99s, costs = [], [], []
        for number in range(rounds):
            cpu = server.cpu()
            order = db.session.get(Order, 1)
            assert order is not None
            order.version = 1000 + number
            pipe.send(count)
            sent = time.perf_counter()
            pubsub.publish([Update("order", 1, order.version, live.update_message(order))])
            arrivals = pipe.recv()
            db.session.rollback()
            if len(arrivals) != count:
                raise RuntimeError(f"{count - len(arrivals)} sockets were not told")
            took = sorted((at - sent) * 1e3 for _, _, at in arrivals)
            _settle(server)
            medians.append(_at(took, 0.5))
            p99s.append(_at(took, 0.99))
            costs.append((server.cpu() - cpu) / count * 1e6)
        print(f"  one update to all {_spread(medians)} ms p50, {_spread(p99s)} ms p99")
        print(f"                    {_spread(costs)} µs CPU a message")


def _each_its_own(server: Server, tokens: list[str], rate: int, seconds: float) -> None:
    """Each follows an order of its own; some of the orders change at a steady rate."""
    with _clients(server, [(n + 1, token) for n, token in enumerate(tokens)]) as pipe:
        _settle(server)
        total, committed = int(rate * seconds), {}
        pipe.send(total)
        cpu, started = server.cpu(), time.perf_counter()
        for number in range(total):
            pause = started + number / rate - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            order_id = number * 37 % len(tokens) + 1
            with unit_of_work() as session:
                order = session.get(Order, order_id, with_for_update=True)
                assert order is not None
                order.version += 1
                session.flush()
                key = (order.id, order.version)
                after_commit(lambda key=key: committed.update({key: time.perf_counter()}))
                live.publish_order(order)
            db.session.remove()
        reached = total / (time.perf_counter() - started)
        arrivals = pipe.recv()
        if len(arrivals) != total:
            raise RuntimeError(f"{total - len(arrivals)} updates did not arrive")
        took = sorted((at - committed[order, version]) * 1e3 for order, version, at in arrivals)
        used = (server.cpu() - cpu) / total * 1e6
        print(f"  {reached:.0f} orders changed a second, {used:.0f} µs CPU each")
        print(
            f"  from commit to client {_at(took, 0.5):.1f} ms p50, {_at(took, 0.99):.1f} ms p99, "
            f"{took[-1]:.1f} ms at most"
        )


@contextlib.contextmanager
def _clients(server: Server, wanted: list[tuple[int, str]]) -> Iterator[Any]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=followers.run, args=(theirs, server.address, wanted))
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield ours
        ours.send(None)
    except EOFError:
        raise RuntimeError(f"the clients ended: {server.log.read_text()[-2000:]}") from None
    finally:
        process.join(20)
        process.kill()


def _private(server: Server) -> int:
    """Return the worker's private dirty memory in bytes: what its sockets add is its own."""
    [worker] = psutil.Process(server.pid).children()
    text = Path(f"/proc/{worker.pid}/smaps_rollup").read_text()
    line = next(line for line in text.splitlines() if line.startswith("Private_Dirty:"))
    return int(line.split()[1]) * 1024


def _settle(server: Server) -> None:
    """Wait until the server has nothing to do."""
    quiet = 0
    while quiet < 3:
        cpu = server.cpu()
        time.sleep(0.1)
        quiet = quiet + 1 if server.cpu() - cpu <= 0.01 else 0


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):6.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    sys.exit(main())
