"""``python -m benchmarks.servers``: what the shop's requests cost under other servers.

Those that are not installed are left out. Nothing of the shop's own around its server is measured
but under gunicorn: access to sockets, figures of several processes, the watch over the database.
"""

import argparse
import importlib.util
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil

from benchmarks import measure, report, scenarios, shop
from benchmarks.server import Command, Server, cores, gunicorn

LINES = ("raw", scenarios.BASE, "list", "list-uncached", "order")
THREADS = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to serve, the package it needs, whether it binds its own socket, its processes."""

    name: str
    package: str
    command: Command
    binds: bool = False
    processes: int = 1


def _of_gunicorn(*more: str) -> Command:
    return lambda listener, app: gunicorn(listener, app, *more)


def _sync(processes: int) -> Command:
    return _of_gunicorn("-k", "sync", "--threads", "1", "--workers", str(processes))


def _granian(mode: str) -> Command:
    return lambda listener, app: [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1"),
        *("--blocking-threads", str(THREADS), "--runtime-mode", mode, "--no-ws", "--http", "1"),
        *("--port", str(listener.getsockname()[1]), app),
    ]


_WAITRESS: Command = lambda listener, app: [  # noqa: E731
    *(sys.executable, "-m", "waitress", f"--threads={THREADS}"),
    *(f"--listen=127.0.0.1:{listener.getsockname()[1]}", app),
]

_UWSGI: Command = lambda listener, app: [  # noqa: E731
    *(sys.executable, "-c", "import sys, pyuwsgi; pyuwsgi.run(sys.argv[1:])"),
    *("--http11-socket", f"127.0.0.1:{listener.getsockname()[1]}", "--module", app),
    *("--master", "--lazy-apps", "--enable-threads", "--disable-logging", "--die-on-term"),
    *("--processes", "1", "--threads", str(THREADS)),
]

KINDS = (
    Kind("gunicorn, our threads", "gunicorn", gunicorn),
    # One request at a time a process: as many processes as the others have threads, and one alone.
    Kind("gunicorn sync, 8 processes", "gunicorn", _sync(THREADS), processes=THREADS),
    Kind("gunicorn sync, 1 process", "gunicorn", _sync(1)),
    Kind("gunicorn gevent", "gevent", _of_gunicorn("-k", "gevent")),
    Kind("granian, st", "granian", _granian("st"), binds=True),
    Kind("granian, mt", "granian", _granian("mt"), binds=True),
    Kind("waitress", "waitress", _WAITRESS, binds=True),
    Kind("uWSGI", "pyuwsgi", _UWSGI, binds=True),
)


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.servers", description=__doc__)
    add = parser.add_argument
    add("--database", choices=("sqlite", "postgresql", "both"), default="both")
    add("--books", type=int, default=2000, help="how many books the shop has (2000)")
    add("--seconds", type=float, default=1, help="how long each measured window is (1)")
    add("--only", help="some, by words of their names, separated by semicolons")
    add("--lines", default=",".join(LINES), help="which requests, of %(default)s")
    add("--rounds", type=int, default=3, help="how often everything is measured (3)")
    options = parser.parse_args()
    pinned = cores()
    if pinned:
        os.sched_setaffinity(0, {pinned[1]})
    words = (options.only or "").split(";")
    kinds = [
        kind
        for kind in KINDS
        if importlib.util.find_spec(kind.package) and any(word in kind.name for word in words)
    ]
    about = report.machine()
    print(f"{about['at']}, {about['commit']}, {about['cpu']}, load {about['load'][0]}")
    print(f"CPU ms a request, least–most (requests/s); medians of {options.rounds} rounds")
    for database in ("sqlite", "postgresql"):
        if options.database in {database, "both"}:
            _measure(database, kinds, options)
    return 0


def _measure(database: str, kinds: Sequence[Kind], options: argparse.Namespace) -> None:
    many = scenarios.WARM_UP + int(1000 * options.seconds)
    lines = [line for line in LINES if line in options.lines.split(",")]
    apps = dict.fromkeys(scenarios.BY_NAME[line].app for line in lines)
    found: dict[tuple[str, str], list[measure.Sample]] = {}
    memory: dict[str, float] = {}
    with shop.opened(database, options.books, None, many) as place:
        for _ in range(options.rounds):
            for kind in kinds:
                for app in apps:
                    mine = [line for line in lines if scenarios.BY_NAME[line].app == app]
                    for line, sample in _samples(place, kind, mine, options.seconds, memory):
                        found.setdefault((kind.name, line), []).append(sample)
        print(f"\n{place.software:28}" + "".join(f"{line:>26}" for line in lines) + "      MiB")
    for kind in kinds:
        row = "".join(f"{_cell(found[kind.name, line]):>26}" for line in lines)
        print(f"{kind.name:28}{row}{memory.get(kind.name, 0.0):9.0f}", flush=True)


def _samples(
    place: shop.Shop, kind: Kind, lines: Sequence[str], seconds: float, memory: dict[str, float]
) -> Iterator[tuple[str, measure.Sample]]:
    """Measure lines of one application; note what the shop's processes hold of their own."""
    app, core = scenarios.BY_NAME[lines[0]].app, cores()
    pinned = core[0] if core else None
    with Server(
        *(app, place.settings, place.folder, pinned, kind.command),
        binds=kind.binds,
        processes=kind.processes,
    ) as server:
        for line in lines:
            yield line, measure.sample(place, server, scenarios.BY_NAME[line], seconds, THREADS)
        if app == scenarios.SHOP:
            family = [psutil.Process(server.pid)]
            family += family[0].children(recursive=True)
            memory[kind.name] = sum(one.memory_full_info().pss for one in family) / 2**20


def _cell(samples: list[measure.Sample]) -> str:
    found = sorted(sample.cpu_ms for sample in samples)
    rate = statistics.median(sample.per_second for sample in samples)
    return f"{statistics.median(found):.3f} {found[0]:.3f}–{found[-1]:.3f} ({rate:.0f})"


if __name__ == "__main__":
    sys.exit(main())
