"""``python -m benchmarks.hot_book``: how many orders a second one book can take.

An order locks the rows of its books from the UPDATE that takes the copies to the commit, so all
who buy one book stand in one queue, whatever machines there are. How long the row is held, and by
how many statements, is measured with one buyer at a time; then several processes order at once,
each another book, and all the same. PostgreSQL, durable, on this machine; by the clock, so the
least is nearer to the truth than the median unless the machine is quiet.
"""

import argparse
import json
import logging
import multiprocessing
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, event, insert, text, update

from benchmarks import report, shop
from benchmarks.scenarios import ADDRESS
from bookstore import clock, create_app
from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.models import Book, CartItem
from bookstore.services import orders
from bookstore.services.actors import Actor

PROCESSES, THREADS = 2, 8
ALONE, WARM_UP = 200, 5
RESULTS = report.RESULTS / "hot_book.json"


def main() -> int:
    """Measure, print, keep; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hot_book", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often (3)")
    parser.add_argument("--seconds", type=float, default=4, help="how long each window is (4)")
    options = parser.parse_args()
    about = report.machine()
    many = int(1000 * options.seconds) + ALONE
    logging.disable(logging.WARNING)  # that statements are slow: they wait
    with shop.opened("postgresql", 400, None, many) as place:
        with db.engine.begin() as connection:
            connection.execute(update(Book).values(stock=10_000_000, status="available"))
        found: dict[str, Any] = {"machine": about, "software": place.software, **_alone(place)}
        rates: dict[str, list[float]] = {"apart": [], "together": []}
        for _ in range(options.rounds):
            for how, rate in rates.items():
                rate.append(_at_once(place, how == "together", options.seconds))
        found["orders_per_second"] = {
            how: {"median": statistics.median(rate), "min": min(rate), "max": max(rate)}
            for how, rate in rates.items()
        }
    print(table(found))
    RESULTS.write_text(f"{json.dumps(found, indent=1, ensure_ascii=False)}\n")
    return 0


def table(found: dict[str, Any]) -> str:
    """Return the figures as text."""
    about, held, rates = found["machine"], found["held_ms"], found["orders_per_second"]
    lines = [
        f"{about['at']}, commit {about['commit']}, {about['cpu']}, {about['cores']} cores, "
        f"load {about['load'][0]}, {found['software']}",
        f"the book's row is held for {held['median']:.2f} ms "
        f"({held['min']:.2f}–{held['p95']:.2f}), {found['statements']} statements: "
        f"at best {1000 / held['min']:.0f} orders a second",
        f"an order is {found['wal_bytes'] / 1024:.1f} KiB of write-ahead log, "
        f"and {found['kept_bytes'] / 1024:.1f} KiB that stay",
    ]
    for how, title in (("apart", "each another book"), ("together", "all the same book")):
        rate = rates[how]
        lines.append(
            f"{PROCESSES} processes × {THREADS} threads, {title:18} {rate['median']:6.0f} a second "
            f"({rate['min']:.0f}–{rate['max']:.0f})"
        )
    return "\n".join(lines)


def _fill(place: shop.Shop, books: Sequence[int]) -> None:
    """Put one copy into each cart: of ``books`` in turn."""
    now = clock.now()
    rows = [
        {
            "cart_id": buyer.cart_id,
            "book_id": books[number % len(books)],
            "quantity": 1,
            "seen_price": 1,
            "added_at": now,
        }
        for number, buyer in enumerate(place.buyers)
    ]
    with db.engine.begin() as connection:
        connection.execute(delete(CartItem.__table__))
        connection.execute(insert(CartItem.__table__), rows)
    shop.vacuum("postgresql")


def _alone(place: shop.Shop) -> dict[str, Any]:
    """Return how long the row is held, and by how many statements, with nobody else there."""
    _fill(place, [place.books[0][0]])
    since, count = 0.0, 0
    held: list[float] = []
    statements: list[int] = []

    @event.listens_for(db.engine, "before_cursor_execute")
    def begin(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal since, count
        if since:
            count += 1
        elif statement.startswith("UPDATE books SET") and "stock" in statement:
            since, count = time.perf_counter(), 1

    @event.listens_for(db.session, "after_commit")
    def end(_session: Any) -> None:
        nonlocal since
        if since:
            held.append((time.perf_counter() - since) * 1000)
            statements.append(count)
        since = 0.0

    wal, kept = _written()
    for buyer in place.buyers[:ALONE]:
        orders.place(_buyer(buyer.cart_id), ADDRESS)
        db.session.remove()
    wal_after, kept_after = _written()
    event.remove(db.engine, "before_cursor_execute", begin)
    event.remove(db.session, "after_commit", end)
    held = held[ALONE // 4 :]  # the first ones warm up
    ranked = sorted(held)
    return {
        "held_ms": {
            "median": statistics.median(held),
            "min": ranked[0],
            "p95": ranked[int(len(ranked) * 0.95)],
        },
        "statements": int(statistics.median(statements)),
        "wal_bytes": (wal_after - wal) // ALONE,
        "kept_bytes": (kept_after - kept) // ALONE,
    }


def _written() -> tuple[int, int]:
    """Return the bytes written ahead so far, and those of tables that orders only add to."""
    with db.engine.connect() as connection:
        row = connection.execute(
            text(
                "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS wal,"
                " (SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
                " AND relnamespace = 'public'::regnamespace"
                " AND relname NOT IN ('books', 'shopping_carts', 'cart_items')) AS kept"
            )
        ).one()
    return int(row.wal), int(row.kept)


def _at_once(place: shop.Shop, together: bool, seconds: float) -> float:
    """Return orders a second of several processes."""
    books = [book_id for book_id, _, _ in place.books]
    _fill(place, books[:1] if together else books)
    context = multiprocessing.get_context("spawn")
    start, done = context.Barrier(PROCESSES), context.Queue()
    people = [buyer.cart_id for buyer in place.buyers]
    children = [
        context.Process(
            target=_order, args=(place.settings, people[n::PROCESSES], seconds, start, done)
        )
        for n in range(PROCESSES)
    ]
    for child in children:
        child.start()
    counts = [done.get(timeout=120) for _ in children]
    for child in children:
        child.join()
    return sum(counts) / seconds


def _buyer(user_id: int) -> Actor:
    return Actor(user_id, f"user:{user_id}")


def _order(
    settings: Settings, people: Sequence[int], seconds: float, start: Any, done: Any
) -> None:
    app = create_app(settings)
    logging.disable(logging.WARNING)
    counts = [0] * THREADS
    warm = threading.Barrier(THREADS)

    def run(number: int) -> None:
        with app.app_context():
            left = iter(people[number::THREADS])
            for _ in range(WARM_UP):
                order(next(left))
            if warm.wait() == 0:
                start.wait()
            warm.wait()
            over = time.monotonic() + seconds
            for person in left:
                order(person)
                if time.monotonic() >= over:
                    return
                counts[number] += 1

    def order(person: int) -> None:
        orders.place(_buyer(person), ADDRESS)
        db.session.remove()

    threads = [threading.Thread(target=run, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if sum(counts) >= len(people) - THREADS * (WARM_UP + 1):
        raise RuntimeError("there were too few buyers")
    done.put(sum(counts))


if __name__ == "__main__":
    sys.exit(main())
