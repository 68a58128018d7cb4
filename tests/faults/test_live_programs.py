"""docs/live.md: its programs come back when the web process that serves them ends."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from tests.cli.test_serve import serving
from tests.clients import _free_port, wait_until
from tests.conftest import UNLIMITED
from tests.docs.blocks import ROOT, blocks
from tests.docs.programs import command

pytestmark = pytest.mark.faults

READER = {"username": "reader", "password": "reader-demo-1"}  # pragma: allowlist secret


def programs() -> list[tuple[str, str, str]]:
    """Return (name, language, code) of each follower; without what changes the order itself."""
    found = blocks(ROOT / "docs/live.md")
    made = []
    for language, order in (
        ("python", "\norder = new_order()"),
        ("javascript", "\nconst order = "),
    ):
        sockets, events = [one.code for one in found if one.language == language]
        # The second goes on from the first: from what is above the order that it makes.
        codes = {"socket": sockets, "events": sockets.partition(order)[0] + "\n" + events}
        made += [
            (f"{language}-{name}", language, re.sub(r"^.*/cancel.*$", "", code, flags=re.M))
            for name, code in codes.items()
        ]
    return made


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """A shop with one web process, as (its process id, its port)."""
    port = _free_port()
    unlimited = {name.upper(): rate for name, rate in UNLIMITED.items()}
    home = tmp_path_factory.mktemp("live") / "home"
    with serving(home, port, WEB_WORKERS="1", **unlimited) as process:
        yield process.pid, port


@contextmanager
def running(language: str, code: str, folder: Path) -> Iterator[Path]:
    """Run a program; yield the file that it prints into."""
    said = folder / "said.txt"
    with (
        said.open("w") as out,
        subprocess.Popen(
            command(language, code, folder), cwd=folder, stdout=out, stderr=out
        ) as process,
    ):
        try:
            yield said
        finally:
            process.kill()


def end_web_processes(shop: int) -> None:
    """End each process that serves, as a restart does; what watches them starts new ones."""
    for one in psutil.Process(shop).children(recursive=True):
        parent = one.parent()
        if parent is not None and all("gunicorn" in " ".join(p.cmdline()) for p in (one, parent)):
            one.terminate()
            return
    raise AssertionError("nothing serves")


@pytest.mark.parametrize(
    ("language", "code"), [pytest.param(*one, id=name) for name, *one in programs()]
)
def test_a_program_comes_back_and_misses_nothing(
    shop: tuple[int, int], language: str, code: str, tmp_path: Path
) -> None:
    process, port = shop
    api = f"http://127.0.0.1:{port}/api/v2"
    with running(language, code.replace(":8000/", f":{port}/"), tmp_path) as said:
        wait_until(lambda: "1 pending" in said.read_text(), 60)
        end_web_processes(process)
        # Who asks meanwhile is served by the next one.
        reader = requests.Session()
        tokens = reader.post(f"{api}/auth/token", json=READER, timeout=60).json()
        reader.headers["Authorization"] = f"Bearer {tokens['access']}"
        order = reader.get(f"{api}/orders?limit=1", timeout=60).json()["data"][0]
        reader.post(f"{api}/orders/{order['id']}/cancel", json={}, timeout=60)
        wait_until(lambda: "2 cancelled" in said.read_text(), 60)
    assert "Error" not in said.read_text()
