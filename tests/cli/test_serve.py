"""``flask serve`` and ``flask demo`` as a newcomer has them: real processes, an empty folder."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from bookstore.gateways.queue import QUEUES
from tests.clients import _free_port, wait_until

ROOT = Path(__file__).parents[2]
FLASK = [sys.executable, "-m", "flask", "--app", "wsgi"]


def environ(home: Path, port: int, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k.startswith(("PATH", "HOME", "COV"))}
    return {**kept, "BOOKSTORE_HOME": str(home), "PORT": str(port), **more}


@contextmanager
def serving(home: Path, port: int, **more: str) -> Iterator["subprocess.Popen[str]"]:
    log = (home.parent / f"{home.name}.log").open("a")
    with subprocess.Popen(
        [*FLASK, "serve"],
        cwd=ROOT,
        env=environ(home, port, **more),
        stdout=log,
        stderr=log,
        text=True,
    ) as process:
        try:
            # Its worker comes after the web server: on a busy machine that takes a while.
            wait_until(lambda: _ready(port) or process.poll() is not None, 120)
            assert process.poll() is None, Path(log.name).read_text()
            yield process
        finally:
            process.kill()
            log.close()


def serve_and_fail(home: Path, port: int, **more: str) -> str:
    """Return what ``flask serve`` says, which does not start."""
    result = subprocess.run(
        [*FLASK, "serve"],
        cwd=ROOT,
        env=environ(home, port, **more),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    return result.stderr


def _ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=2).json()["status"] == "ok"
    except (requests.RequestException, ValueError):
        return False


def test_it_opens_fills_serves_and_closes(tmp_path: Path) -> None:
    home, port = tmp_path / "home", _free_port()
    with serving(home, port) as process:
        family = [
            psutil.Process(process.pid),
            *psutil.Process(process.pid).children(recursive=True),
        ]
        answer = requests.get(f"http://127.0.0.1:{port}/api/v2/books?count=true", timeout=5).json()
        assert answer["total"] == 72
        demo = subprocess.run(
            [*FLASK, "demo"],
            cwd=ROOT,
            env=environ(home, port),
            capture_output=True,
            text=True,
            check=False,
        )
        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert "Receipt for order" in demo.stdout
        told = (home.parent / "home.log").read_text()
        for page in re.findall(rf"http://127.0.0.1:{port}/\S+", told.partition("is open")[2]):
            assert requests.get(page, headers={"Accept": "text/html"}, timeout=20).ok, page
        assert f"http://127.0.0.1:{port}/\n" in told
        second = serve_and_fail(home, _free_port())
        assert second.startswith(f"Error: the shop of {home} is already running at http://127")
        assert f":{port} (process {process.pid})" in second
        elsewhere = serve_and_fail(tmp_path / "other", port)
        assert elsewhere.startswith(f"Error: PORT: cannot listen on 127.0.0.1:{port}")
        assert ", process " in elsewhere
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert psutil.wait_procs(family, timeout=10)[1] == []
    with serving(home, port):
        # What was sold stays sold: the data folder has it.
        again = requests.get(f"http://127.0.0.1:{port}/api/v2/books/bestsellers", timeout=5).json()
        assert [book["title"] for book in again["data"]] != []
        assert (home / "bookstore.sqlite3").exists()


def at_work(port: int) -> bool:
    """Whether a worker for each queue and a scheduler are at work, by the shop's own figures."""
    try:
        figures = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except requests.RequestException:
        return False
    queues = [f'workers{{queue="{name}"}} ' for name in QUEUES]
    wanted = (*queues, "last_sweep_seconds ")
    found = [re.search(f"^bookstore_{re.escape(name)}([0-9.]+)$", figures, re.M) for name in wanted]
    return all(found) and all(float(match[1]) > 0 for match in found[: len(queues)] if match)


@pytest.mark.faults
def test_what_dies_alone_is_started_again(tmp_path: Path) -> None:
    home, port = tmp_path / "home", _free_port()
    with serving(home, port) as process:
        wait_until(lambda: at_work(port))
        parts = {" ".join(one.cmdline()): one for one in psutil.Process(process.pid).children()}
        for name in ("worker.py", "--scheduler", "redis.sock"):
            [part] = [found for line, found in parts.items() if line.strip().endswith(name)]
            part.kill()
        log = home.parent / "home.log"
        said = "ended by itself, starting it again"
        wait_until(lambda: log.read_text().count(said) == 3)
        wait_until(lambda: _ready(port))
        wait_until(lambda: at_work(port))
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert psutil.wait_procs(family, timeout=10)[1] == []


@pytest.mark.faults
def test_killed_it_leaves_nothing_running(tmp_path: Path) -> None:
    port = _free_port()
    with serving(tmp_path / "home", port) as process:
        wait_until(lambda: at_work(port))
        family = psutil.Process(process.pid).children(recursive=True)
        # Redis, gunicorn with two, a worker with two, the scheduler.
        assert len(family) >= 8
        process.kill()
        assert psutil.wait_procs(family, timeout=40)[1] == []


def test_demo_says_when_nobody_is_there(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = subprocess.run(
            [*FLASK, "demo", "--url", f"http://127.0.0.1:{taken.getsockname()[1]}"],
            cwd=ROOT,
            env=environ(tmp_path, 8000),
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 1
    assert "start the shop with `make run` first" in result.stderr


@pytest.mark.parametrize("secret", ["", "a secret that is given"])
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, secret: str) -> None:
    (tmp_path / "file").write_text("in the way")
    said = serve_and_fail(tmp_path / "file" / "home", _free_port(), SECRET_KEY=secret)
    assert said.startswith("bookstore: BOOKSTORE_HOME: cannot write")


@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:1/none", "sqlite:////nonexistent/folder/x.sqlite3"]
)
def test_a_database_that_is_away_is_named(tmp_path: Path, url: str) -> None:
    said = serve_and_fail(tmp_path / "home", _free_port(), DATABASE_URL=url)
    assert said.splitlines()[-1].startswith("Error: DATABASE_URL: cannot use the database")
