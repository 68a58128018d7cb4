"""The log file: several processes write it, over rotations, and no line is lost or torn."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookstore import logs
from bookstore.log_files import SharedFile

ROOT = Path(__file__).parents[2]
LINES, PROCESSES = 3000, 3
WRITER = """
import sys, types
from pathlib import Path
# The package without what it exports: that would be the whole shop.
sys.modules["bookstore"] = types.ModuleType("bookstore")
sys.modules["bookstore"].__path__ = ["bookstore"]
from bookstore.log_files import SharedFile

file = SharedFile(Path(sys.argv[1]), limit=100_000, kept=50)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    file.write(f"{sys.argv[2]} {number} " + "é" * (number % 120) + " end")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "shop.log"


def test_processes_write_over_rotations(file: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(file)]
    writers = [
        subprocess.Popen(
            [*command, str(name), str(LINES)], cwd=ROOT, stdin=subprocess.PIPE, text=True
        )
        for name in range(PROCESSES)
    ]
    for writer in writers:  # all are ready: they begin together
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    files = sorted(file.parent.glob("shop.log*"))
    assert len(files) > 5
    # What a process wrote while another put the file aside is behind the limit.
    assert max(path.stat().st_size for path in files) < 110_000
    found = [line for path in files for line in path.read_text().splitlines()]
    expected = {
        f"{name} {number} " + "é" * (number % 120) + " end"
        for name in range(PROCESSES)
        for number in range(LINES)
    }
    assert set(found) == expected
    assert len(found) == len(expected)


def test_the_oldest_go(file: Path) -> None:
    shared = SharedFile(file, limit=100, kept=2)
    for number in range(50):
        shared.write(f"line {number:02} of many")
    shared.close()
    names = sorted(path.name for path in file.parent.glob("shop.log*"))
    assert names == ["shop.log", "shop.log.1", "shop.log.2"]
    assert file.read_text().splitlines()[-1] == "line 49 of many"
    # Nobody else on the machine may read it.
    assert file.stat().st_mode & 0o077 == 0


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    yield logging.getLogger()
    logs.also_to(None)


def test_the_handler_writes_to_both(
    file: Path, root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    level = root.level
    logs.also_to(file)
    logs.configure(level="INFO", json_lines=True)
    try:
        logging.getLogger("bookstore.test").warning("to %s", "both")
        said = capsys.readouterr().err
        assert '"message":"to both"' in said
        assert file.read_text() == said
        # An app that is made later configures the console anew; the file stays.
        logs.configure(level="INFO", json_lines=False)
        logging.getLogger("bookstore.test").warning("again")
        assert "again" in file.read_text().splitlines()[-1]
        logs.also_to(file.parent / "shop.log" / "below a file.log")
        for _ in range(2):
            logging.getLogger("bookstore.test").warning("only the console")
        said = capsys.readouterr().err
        assert said.count("only the console") == 2
        assert said.count("bookstore: cannot write") == 1
    finally:
        logs.configure(level=logging.getLevelName(level), json_lines=False)
