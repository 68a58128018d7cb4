"""Figures that processes count together: sums that never fall, and what is so now."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bookstore import instruments
from bookstore.instruments import shared

ROOT = Path(__file__).parents[2]
PROCESS = """
import os
import sys, types
from pathlib import Path
# The package without what it exports: that would be the whole shop.
sys.modules["bookstore"] = types.ModuleType("bookstore")
sys.modules["bookstore"].__path__ = ["bookstore"]
from bookstore import instruments

instruments.share(Path(sys.argv[1]), sys.argv[2])
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""


class Counting:
    """A process that counts what it is told to."""

    def __init__(self, home: Path, role: str = "web") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(home), role],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, line: str) -> None:
        """Run a line of Python in it."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def kill(self) -> None:
        """End it as the kernel would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@contextmanager
def counting(home: Path, count: int) -> Iterator[list[Counting]]:
    processes = [Counting(home) for _ in range(count)]
    try:
        yield processes
    finally:
        for one in processes:
            one.kill()


def figures(home: Path) -> dict[str, float]:
    return {
        sample.name.removeprefix("bookstore_"): sample.value
        for family in shared.read(instruments.folder_in(home))
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_sums_outlive_processes_and_gauges_do_not(tmp_path: Path) -> None:
    with counting(tmp_path, 2) as (one, other):
        for process in (one, other):
            process.do("instruments.SOLD_OUT.add(amount=2)")
            process.do("instruments.HTTP_IN_PROGRESS.add()")
            process.do("instruments.HTTP_SECONDS.observe('GET', '/', '2xx', seconds=0.5)")
        both = {
            "books_sold_out_total": 4,
            "http_requests_in_progress": 2,
            "http_request_duration_seconds_sum": 1,
            "http_request_duration_seconds_count": 2,
        }
        assert figures(tmp_path) == both
        one.kill()
        assert figures(tmp_path) == {**both, "http_requests_in_progress": 1}
        # The next one takes the place of the one that died, and counts on from there.
        with counting(tmp_path, 1) as (successor,):
            successor.do("instruments.SOLD_OUT.add()")
            successor.do("instruments.HTTP_IN_PROGRESS.add()")
            found = figures(tmp_path)
            assert (found["books_sold_out_total"], found["http_requests_in_progress"]) == (5, 2)
        assert len(list(instruments.folder_in(tmp_path).glob("counter_*.db"))) == 2


def test_a_child_has_a_place_of_its_own_and_leaves_no_file(tmp_path: Path) -> None:
    with counting(tmp_path, 1) as (parent,):
        parent.do("instruments.JOBS.add('maintain', 'done')")
        for _ in range(3):
            parent.do(
                "pid = os.fork(); "
                "pid or (instruments.JOBS.add('maintain', 'done'), os._exit(0)); "
                "os.waitpid(pid, 0)"
            )
        parent.do("instruments.JOBS.add('maintain', 'done')")
        assert figures(tmp_path) == {"jobs_total": 5}
        names = {path.name for path in instruments.folder_in(tmp_path).glob("*.db")}
        assert names == {"counter_0.db", "counter_1.db"}


def test_who_starts_alone_begins_with_nothing(tmp_path: Path) -> None:
    with counting(tmp_path, 1) as (one,):
        one.do("instruments.SOLD_OUT.add()")
    with counting(tmp_path, 1) as (one,):
        one.do("instruments.LOGINS.add('ok')")
        assert figures(tmp_path) == {"logins_total": 1}


def test_machines_that_are_gone_are_cleaned_up(tmp_path: Path) -> None:
    mine = instruments.folder_in(tmp_path)
    gone, new = mine.with_name("gone"), mine.with_name("new")
    for folder in (mine, gone, new):
        folder.mkdir(parents=True)
        (folder / "counter_0.db").touch()
    os.utime(gone, (0, 0))
    with counting(tmp_path, 1) as (one,):
        one.do("pass")
    assert not gone.exists()
    assert new.exists()


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "metrics").touch()
    with counting(tmp_path, 1) as (one,):
        one.do("instruments.SOLD_OUT.add()")
        one.do("assert [m.name for m in instruments.read()] == ['bookstore_books_sold_out']")
