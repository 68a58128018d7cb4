"""``python -m benchmarks.capacity``: from what a request costs to how many machines a load needs.

Reads the newest ``results/*.json`` that has PostgreSQL (CPU of the shop, of PostgreSQL and of Redis
for each kind of request) and ``results/hot_book.json`` (what an order writes, how long it holds a
book), and prints a table. With ``--write FILE`` the table replaces what stands between the marks in
that file. All of it is arithmetic on CPU time of the machine that was measured: its cores.
"""

import argparse
import json
import math
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.limits import BUSY, FOLLOWED, Book, Costs, first, limits, table

RESULTS = Path(__file__).parent / "results"
BEGIN = "<!-- capacity: written by python -m benchmarks.capacity -->"
END = "<!-- /capacity -->"

# What comes with an order: of a hundred requests 80 look, 15 are about a cart, 5 place an order.
# Nine of ten lists and details come from the cache.
MIX = {
    "list": 6 * 0.9,
    "list-uncached": 6 * 0.1,
    "detail": 8 * 0.9,
    "detail-uncached": 8 * 0.1,
    "search": 2.0,
    "cart": 1.0,
    "add": 2.0,
    "order": 1.0,
}
PEAK_HOUR = 0.1  # of a day's orders
PEAK_SECOND = 3.0  # times the mean of that hour
DELIVERIES = 4.0  # webhooks, mails and push messages an order brings
PER_WORKER = 2500.0  # of them a second, by one worker process (benchmarks.deliveries)
SOCKET_KIB = 14.0  # at most, of one (benchmarks.sockets)
SOCKETS_A_PROCESS = 10_000
MACHINE_CORES = 16
REQUESTS = sum(MIX.values())  # an order, itself among them
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Need:
    """What a load needs. Cores are of the machine that was measured."""

    orders: float  # a second, at the peak
    requests: float
    web_cores: int
    database_cores: int
    redis_cores: float
    workers: int
    sockets: int
    socket_mib: float
    machines: int  # of MACHINE_CORES, for all that but the primary and Redis
    wal_mb: float  # a second
    kept_gb: float  # a year
    hottest: float  # the share of orders that one book may have


def costs(scenarios: Mapping[str, Any]) -> Costs:
    """Return what the mix costs, from the figures of PostgreSQL in a results file.

    Raises:
        KeyError: the file lacks a kind of request.
    """

    def total(kind: str) -> float:
        return sum(count * scenarios[name][kind]["median"] for name, count in MIX.items())

    return Costs(total("cpu_ms"), total("postgres_ms"), total("redis_ms"))


def peak(orders_a_day: float) -> float:
    """Return the orders in the busiest second of a day."""
    return orders_a_day * PEAK_HOUR / 3600 * PEAK_SECOND


def need(orders: float, orders_a_day: float, each: Costs, book: Book) -> Need:
    """Return what it takes.

    Args:
        orders: a second, at the peak.
        orders_a_day: for what is kept.
        each: the costs of an order.
        book: what it does to the database.
    """

    def cores(milliseconds: float) -> float:
        return orders * milliseconds / 1000 / BUSY

    web_cores = max(1, math.ceil(cores(each.shop_ms)))
    workers = max(1, math.ceil(orders * DELIVERIES / (PER_WORKER * BUSY)))
    sockets = math.ceil(orders * FOLLOWED)
    holders = math.ceil(sockets / SOCKETS_A_PROCESS)
    return Need(
        orders=orders,
        requests=orders * REQUESTS,
        web_cores=web_cores,
        database_cores=max(1, math.ceil(cores(each.database_ms))),
        redis_cores=cores(each.redis_ms),
        workers=workers,
        sockets=sockets,
        socket_mib=orders * FOLLOWED * SOCKET_KIB / 1024,
        machines=math.ceil((web_cores + workers + holders) / MACHINE_CORES),
        wal_mb=orders * book.wal_bytes / 1e6,
        kept_gb=orders_a_day * 365 * book.kept_bytes / 1e9,
        hottest=min(1.0, 1000 / book.held_ms * BUSY / orders),
    )


def newest(folder: Path = RESULTS) -> dict[str, Any]:
    """Return the newest results that have PostgreSQL.

    Raises:
        FileNotFoundError: there are none.
    """
    found = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    found = [one for one in found if "postgresql" in one.get("databases", {})]
    if not found:
        raise FileNotFoundError(f"no results with PostgreSQL in {folder}: run `make bench`")
    latest: dict[str, Any] = max(found, key=lambda one: str(one["machine"]["at"]))
    return latest


def book_in(folder: Path = RESULTS) -> tuple[Book, dict[str, Any]]:
    """Return what was found of a hot book, and all that was kept of it."""
    kept: dict[str, Any] = json.loads((folder / "hot_book.json").read_text())
    # By the clock: the least is nearest to what a quiet machine would say.
    return Book(kept["held_ms"]["min"], kept["wal_bytes"], kept["kept_bytes"]), kept


def report(results: Mapping[str, Any], book: Book, hot: Mapping[str, Any]) -> str:
    """Return the tables as Markdown."""
    scenarios = results["databases"]["postgresql"]["scenarios"]
    each, about = costs(scenarios), results["machine"]
    days, seconds = (1e3, 1e4, 1e5), (1e3, 1e4, 1e5)
    rows = [(f"{n:,.0f} a day", need(peak(n), n, each, book)) for n in days]
    rows += [(f"{n:,.0f} a second", need(n, n * DAY, each, book)) for n in seconds]
    ends = limits(each, book)
    return "\n".join(
        [
            _wrapped(
                f"CPU of commit {about['commit']} ({about['at'][:10]}, {about['cpu']}); the book "
                f"of commit {hot['machine']['commit']}, load {hot['machine']['load'][0]}."
            ),
            "",
            "| a request | × an order | shop, ms | PostgreSQL, ms | Redis, ms |",
            "| --- | --- | --- | --- | --- |",
            *(_request(scenarios[name], count) for name, count in MIX.items()),
            f"| **an order with all that comes with it** | {REQUESTS:g} requests "
            f"| {each.shop_ms:.1f} | {each.database_ms:.1f} | {each.redis_ms:.2f} |",
            "",
            f"| orders | at the peak: orders, requests a second | web cores | primary's cores "
            f"| Redis, cores | worker processes | sockets | their memory "
            f"| machines of {MACHINE_CORES} cores | WAL a second | kept a year "
            f"| one book may have | has given way by then |",
            "| " + " | ".join(["---"] * 13) + " |",
            *(_line(name, line, first(ends, line.orders)) for name, line in rows),
            "",
            *table(ends),
            "",
            _wrapped(
                f"One book: its row is held for {book.held_ms:.1f} ms at best, by "
                f"{hot['statements']} statements, so **{1000 / book.held_ms:.0f} orders a "
                f"second** is the most that one book can take. {_at_once(hot)}"
            ),
        ]
    )


def _wrapped(prose: str) -> str:
    return textwrap.fill(prose, 100, break_long_words=False, break_on_hyphens=False)


def _at_once(hot: Mapping[str, Any]) -> str:
    load, cores = hot["machine"]["load"][0], hot["machine"]["cores"]
    if load > cores:
        return f"(The machine was busy then, load {load:.0f}: measure it again on a quiet one.)"
    apart, together = (hot["orders_per_second"][how]["median"] for how in ("apart", "together"))
    return (
        f"Sixteen threads that order at once made {together:.0f} a second of one book and "
        f"{apart:.0f} of different ones."
    )


def _request(scenario: Mapping[str, Any], count: float) -> str:
    figures = (scenario[kind]["median"] for kind in ("cpu_ms", "postgres_ms", "redis_ms"))
    shop, database, redis = figures
    return f"| {scenario['title']} | {count:.1f} | {shop:.2f} | {database:.2f} | {redis:.3f} |"


def _line(name: str, line: Need, gone: str) -> str:
    cells = [
        name,
        f"{_short(line.orders)}, {_short(line.requests)}",
        f"{line.web_cores:,}",
        f"{line.database_cores:,}",
        f"{line.redis_cores:.2f}" if line.redis_cores < 10 else f"{line.redis_cores:,.0f}",
        f"{line.workers:,}",
        f"{line.sockets:,}",
        f"{line.socket_mib:,.0f} MiB" if line.socket_mib < 10_240 else _gib(line.socket_mib),
        f"{line.machines:,}",
        f"{line.wal_mb:,.2f} MB" if line.wal_mb < 10 else f"{line.wal_mb:,.0f} MB",
        f"{line.kept_gb:,.1f} GB" if line.kept_gb < 1000 else f"{line.kept_gb / 1000:,.0f} TB",
        "all" if line.hottest >= 1 else f"{line.hottest:.2%}",
        gone,
    ]
    return f"| {' | '.join(cells)} |"


def _short(number: float) -> str:
    return f"{number:.2f}" if number < 10 else f"{number:,.0f}"


def _gib(mib: float) -> str:
    return f"{mib / 1024:,.0f} GiB"


def put_between(text: str, block: str) -> str:
    """Return a text with the block between its marks.

    Raises:
        ValueError: it has no marks.
    """
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        raise ValueError(f"there are no marks: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{block}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, or write them into a file; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="put them between its marks")
    options = parser.parse_args(arguments)
    block = report(newest(), *book_in())
    if options.write is None:
        print(block)
    else:
        options.write.write_text(put_between(options.write.read_text(), block))
    return 0


if __name__ == "__main__":
    sys.exit(main())
