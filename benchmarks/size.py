"""``python -m benchmarks.size``: what requests cost in a big shop, in times of a small one.

CPU is that of the web worker and of the PostgreSQL server together, a request. Both shops are open
at once and asked in turn, so that what slows the machine down slows both.
"""

import argparse
import contextlib
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import report, size_shop
from benchmarks.client import Client
from benchmarks.server import cores, tree_cpu
from benchmarks.size_requests import ASKED, Asked
from benchmarks.size_shop import SizedShop
from bookstore.services.generating import Size
from tests.servers import Postgres, PostgresServer

WARM_UP = 8  # psycopg prepares a statement at its sixth time
READERS = 400
# As for a shop of that size: the server has its pages at hand, and need not ask the kernel.
MEMORY = "shared_buffers=1GB max_wal_size=4GB"
# Of the small shop and of the big one: CPU ms a request of the web worker, and of PostgreSQL.
Round = list[tuple[float, float]]


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    options = _options()
    wanted = [asked for asked in ASKED if _is_wanted(asked, options.only)]
    about = report.machine()
    pinned = cores()
    if pinned:
        os.sched_setaffinity(0, {pinned[1]})
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bookstore-size-")))
        scratch.chmod(0o711)
        server = _server(options, scratch, stack)
        shops = []
        for books in (options.small, options.big):
            size = Size(books, 5 * books, books, max(100, books // 5), 1)
            folder = scratch / str(books)
            folder.mkdir(mode=0o711)
            core = pinned[0] if pinned else None
            opened = size_shop.opened(server, size, folder, READERS, core)
            shops.append(stack.enter_context(opened))
        print(_heading(about, options), flush=True)
        found: dict[str, list[Round]] = {}
        lines: list[str] = []
        for asked in wanted:
            found[asked.name] = _compare(asked, shops, options.rounds, options.seconds)
            lines.append(_line(asked.name, found[asked.name]))
            print(lines[-1], flush=True)
    if options.keep:
        path = report.RESULTS / f"{about['at'][:10]}-{about['commit']}-size.json"
        data = {"machine": about, "samples": found}
        path.write_text(f"{json.dumps(data, indent=1)}\n")
        said = "\n".join([_heading(about, options), *lines])
        path.with_suffix(".txt").write_text(f"{said}\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.size", description=__doc__)
    add = parser.add_argument
    add("--small", type=int, default=10_000, help="books of the small shop (10000)")
    add("--big", type=int, default=1_000_000, help="books of the big one (1000000)")
    add(
        "--folder", type=Path, metavar="DIR", help="where both are kept, and used if they are there"
    )
    add("--postgres", metavar="URL", help="the same, in a server that runs")
    add("--rounds", type=int, default=3, help="how often everything is measured (3)")
    add("--seconds", type=float, default=0.5, help="how long one shop is asked at once (0.5)")
    add("--only", help="only lines whose name has one of these, with semicolons between")
    add("--keep", action="store_true", help="keep the table in results/")
    return parser.parse_args()


def _is_wanted(asked: Asked, only: str | None) -> bool:
    return only is None or any(part.strip() in asked.name for part in only.split(";"))


def _server(options: argparse.Namespace, scratch: Path, stack: contextlib.ExitStack) -> Postgres:
    if options.postgres:
        return Postgres(options.postgres)
    folder = options.folder or scratch / "postgres"
    return stack.enter_context(PostgresServer(folder, options=MEMORY))


def _compare(asked: Asked, shops: Sequence[SizedShop], rounds: int, seconds: float) -> list[Round]:
    """Return for each round and shop (CPU ms of the web worker, of PostgreSQL) a request."""
    return [[_sample(asked, shop, seconds) for shop in shops] for _ in range(rounds)]


def _sample(asked: Asked, shop: SizedShop, seconds: float) -> tuple[float, float]:
    if asked.fill:
        shop.fill_carts()
    made = [request.encoded() for request in asked.make(shop.facts)]
    # Orders are placed once a cart.
    stream: Iterator[bytes] = iter(made) if asked.status == 201 else itertools.cycle(made)
    with Client(shop.server.address, 1, asked.status) as client:
        started = time.monotonic()
        for _ in range(WARM_UP):
            client.run(stream, count=1)
            if time.monotonic() - started > 2:
                break
        web, postgres = shop.server.cpu(), tree_cpu(shop.postgres_pid)
        answered, _ = client.run(stream, seconds=seconds)
        # What the session's backend used is seen when it is idle: the answer came before.
        web, postgres = shop.server.cpu() - web, tree_cpu(shop.postgres_pid) - postgres
    return web * 1000 / answered, postgres * 1000 / answered


def _heading(about: dict[str, object], options: argparse.Namespace) -> str:
    return (
        f"{about['at']}, commit {about['commit']}, {about['cpu']}, load {about['load']}\n"
        f"{options.small:,} and {options.big:,} books; {options.rounds} rounds of"
        f" {options.seconds:g} s a shop; CPU ms a request, web worker + PostgreSQL\n"
        f"{'':38}{'small':>14}{'big':>18}{'ratio':>8}{'min–max':>12}"
    )


def _line(name: str, rounds: Sequence[Round]) -> str:
    ratios = [sum(big) / sum(small) for small, big in rounds]
    small, big = (
        [statistics.median(each) for each in zip(*(r[at] for r in rounds), strict=True)]
        for at in (0, 1)
    )
    said = f"{name:38}{small[0]:7.2f} +{small[1]:6.2f}{big[0]:9.2f} +{big[1]:8.2f}"
    return f"{said}{statistics.median(ratios):8.2f}{_spread(ratios):>12}"


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.2f}–{max(values):.2f}"


if __name__ == "__main__":
    sys.exit(main())
