"""The processes that work behind the shop: RQ workers of one queue each, and the scheduler.

``python worker.py``               a child process for each queue, restarted when one dies
``python worker.py outgoing``      this process works on one queue
``python worker.py --scheduler``   this process starts what recurs
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bookstore import instruments, logs, sentry, traces
from bookstore.app import create_app
from bookstore.config import BadSetting, Settings
from bookstore.gateways.queue import QUEUES
from bookstore.supervisor import Family, Member, StopSignal
from bookstore.worker import figures, queues, scheduler

SCRIPT = Path(__file__).parents[2] / "worker.py"
# A little longer than a worker gives itself.
STOP_SECONDS = queues.STOP_SECONDS + 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for until SIGTERM or Ctrl-C; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="worker.py", description="Send what is due and do odd jobs, behind the shop."
    )
    parser.add_argument("queue", nargs="*", help=f"queues to work on: {', '.join(QUEUES)} (all)")
    parser.add_argument("--scheduler", action="store_true", help="start what recurs, instead")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.queue) - set(QUEUES))
    if unknown:
        parser.error(f"there is no queue {unknown[0]}; there are {', '.join(QUEUES)}")
    if options.scheduler and options.queue:
        parser.error("--scheduler takes no queue")
    names = list(dict.fromkeys(options.queue or QUEUES))
    try:
        settings = Settings.from_environ()
        logs.also_to(settings.log_path)
        if len(names) > 1 and not options.scheduler:
            logs.configure(level=settings.log_level, json_lines=settings.is_production)
            # Counts nothing itself, but answers for its children.
            instruments.share(settings.bookstore_home, "other")
            figures.serve(settings)
            return _supervise(names)
        # Until something better is in place: a worker that is just starting may simply go.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        instruments.share(settings.bookstore_home, "scheduler" if options.scheduler else names[0])
        app = create_app(settings)
        instruments.note_start()
        figures.serve(settings)
    except BadSetting as error:
        print(f"bookstore: {error}", file=sys.stderr)  # noqa: T201
        return 1
    try:
        return scheduler.run(app) if options.scheduler else queues.run(app, names[0])
    finally:
        traces.stop()
        sentry.flush()


def _supervise(names: Sequence[str]) -> int:
    """Run a process for each queue: RQ loses jobs when one worker listens to several."""
    stop = StopSignal()
    members = [Member(name, [sys.executable, str(SCRIPT), name], STOP_SECONDS) for name in names]
    family = Family(members)
    try:
        family.start()
        while not stop.wait(0.5):
            family.tend()
    finally:
        family.stop()
    return 0
