"""``python -m benchmarks``: measure, print and keep what requests cost the server."""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import measure, profiling, report, scenarios, shop
from benchmarks.client import WrongAnswer
from benchmarks.server import cores
from bookstore.gateways.embedded_redis import EmbeddedServerError


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    options = _options()
    pinned = cores()
    if pinned:
        # All that is started from here stays off the server's core, but for the server.
        os.sched_setaffinity(0, {pinned[1]})
    try:
        with _stoppable():
            if options.profile:
                return _profile(options)
            return _measure(options)
    except KeyboardInterrupt:
        print("Stopped; nothing is left running.", file=sys.stderr)
        return 130
    except (WrongAnswer, EmbeddedServerError, RuntimeError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    databases = ("sqlite", "postgresql", "both")
    add("--database", choices=databases, default="both", help="which to measure (both)")
    add("--books", type=int, default=10_000, help="how many books the shop has (10000)")
    add("--catalogue", type=Path, metavar="DIR", help="a folder with the goodbooks-10k files")
    add("--seconds", type=float, default=2, help="how long each measured window is (2)")
    add("--rounds", type=int, default=3, help="how often everything is measured (3)")
    add("--connections", type=int, default=8, help="requests under way at once (8)")
    names = ", ".join(scenarios.BY_NAME)
    add("--only", metavar="NAMES", help=f"some scenarios, not kept as a result: {names}")
    add("--profile", metavar="NAME", help="instead, profile one scenario in this process")
    options = parser.parse_args()
    for given in [*(options.only or "").split(","), options.profile]:
        if given and given not in scenarios.BY_NAME:
            parser.error(f"no scenario {given!r}; there are: {names}")
    for name in ("books", "seconds", "rounds", "connections"):
        if getattr(options, name) <= 0:
            parser.error(f"--{name} must be more than 0")
    if options.books < 200:
        parser.error("--books must be at least 200")
    if options.catalogue and not (options.catalogue / "books.csv").is_file():
        parser.error(f"--catalogue: there is no books.csv in {options.catalogue}")
    return options


def _opened(options: argparse.Namespace, database: str) -> Any:
    # A thousand orders a second would be more than one core does.
    many = scenarios.WARM_UP + int(1000 * options.seconds)
    if options.profile:
        many = scenarios.WARM_UP + 3 * profiling.REQUESTS
    _tell(f"{database}: filling the shop")
    return shop.opened(database, options.books, options.catalogue, many)


def _measure(options: argparse.Namespace) -> int:
    wanted = scenarios.chosen(options.only)
    about = report.machine()
    data: dict[str, Any] = {"machine": about, "databases": {}}
    tables = []
    names = ("sqlite", "postgresql") if options.database == "both" else (options.database,)
    for database in names:
        with _opened(options, database) as place:
            samples = measure.rounds(
                place,
                wanted,
                count=options.rounds,
                seconds=options.seconds,
                connections=options.connections,
                told=_tell,
            )
            lines = report.summary(samples)
            heading = f"{place.software}, {place.stock}"
            threads = place.settings.web_threads
        tables.append(report.table(heading, lines))
        data["databases"][database] = {
            "software": place.software,
            "catalogue": place.stock,
            "scenarios": lines,
            "samples": {name: [asdict(s) for s in several] for name, several in samples.items()},
        }
    data["options"] = {
        "threads": threads,
        **{name: getattr(options, name) for name in ("books", "seconds", "rounds", "connections")},
    }
    _tell("")
    text = "\n\n".join([report.preamble(about, data["options"]), *tables])
    print(text)
    if options.only is None and options.database == "both":
        print(f"\nKept as {os.path.relpath(report.save(text, data))} and .json")
    return 0


def _profile(options: argparse.Namespace) -> int:
    database = "sqlite" if options.database == "both" else options.database
    with _opened(options, database) as place:
        told = profiling.profile(place, scenarios.BY_NAME[options.profile])
    _tell("")
    print(f"{place.software}, {place.stock}\n{told}")
    return 0


def _tell(what: str) -> None:
    """Show on a terminal what is going on; say nothing in a log."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Make a polite kill clean up like Ctrl-C does, and let neither interrupt the cleaning."""

    def stop(_signal: int, _frame: object) -> None:
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, stop)
    yield


if __name__ == "__main__":
    sys.exit(main())
