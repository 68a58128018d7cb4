"""Every operation of both OpenAPI documents, asked by schemathesis: valid data, and any other.

No server error, no answer that its document does not tell of, nothing invalid accepted, nothing
valid refused (but for the reasons of ``hooks.py``), nothing shown to whoever has no login, nothing
found that has been deleted (invariant 19). New operations are in it as soon as their document has
them.

``make attack`` runs this alone, with another seed each time and more of everything.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.api.v2.operations import everything
from tests.clients import ROOT, LiveShop
from tests.factories import make_buyers, make_clerk

pytestmark = pytest.mark.faults

SEED = os.environ.get("ATTACK_SEED", "1")
EXAMPLES = int(os.environ.get("ATTACK_EXAMPLES", "5"))
# What ends a login takes it from everybody who shares it.
LOGINS = 150


def ask(
    live: LiveShop, folder: Path, version: str, tokens: list[str], *options: str
) -> dict[str, Any]:
    """Let schemathesis ask all operations of a document; return its report."""
    file, report = folder / "tokens", folder / "report.json"
    file.write_text("\n".join(tokens))
    command = [sys.executable, "-m", "schemathesis.cli"]
    command += ["--config-file", str(Path(__file__).with_name("schemathesis.toml")), "run"]
    command += [f"{live.url}/api/{version}/openapi.json", "--seed", SEED]
    # One at a time: with two nothing would be the same again, and CPython 3.11 fails to parse in
    # threads (python/cpython#106905).
    command += ["--workers", "1", "--max-examples", str(EXAMPLES), "--no-color"]
    if version == "v1":
        # It is lax for its clients' sake: forms have no types, and what is unknown is passed over.
        command += ["--exclude-checks", "positive_data_acceptance,negative_data_rejection"]
    command += ["--report", "json", "--report-json-path", str(report), *options]
    environ = os.environ | {"ATTACK_TOKENS": str(file), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    log = Path(live.log.name).read_text()
    assert done.returncode == 0, f"{done.stdout[-9000:]}\n{done.stderr[-3000:]}\n{log[-3000:]}"
    assert "Traceback" not in log, log[-5000:]
    found: dict[str, Any] = json.loads(report.read_text())
    assert found["complete"]
    assert found["operations"]["tested"] == found["operations"]["total"] > 30
    return found


def accepted(report: dict[str, Any]) -> float:
    """Return how many of the operations have been answered with what they are for, 0 to 1."""
    rates = report["valid_rates"].values()
    good = [any(phase["accepted"] for phase in phases.values()) for phases in rates]
    return sum(good) / len(good)


@pytest.fixture
def staff(shop: Flask) -> list[str]:
    """Access tokens of staff; the first one owns what there is."""
    owner = everything(shop).headers["Authorization"].removeprefix("Bearer ")
    return [owner, *(make_clerk(shop) for _ in range(LOGINS))]


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("database", ["sqlite"])
def test_as_staff(live: LiveShop, staff: list[str], version: str, tmp_path: Path) -> None:
    # What is left needs what no document gives: a signature, a link from a mail, an upload.
    assert accepted(ask(live, tmp_path, version, staff)) > 0.8


@pytest.mark.parametrize("database", ["postgresql"])
def test_on_postgresql(live: LiveShop, staff: list[str], tmp_path: Path) -> None:
    assert accepted(ask(live, tmp_path, "v2", staff, "--phases", "fuzzing,stateful")) > 0.5


@pytest.mark.parametrize("database", ["sqlite"])
def test_as_a_reader(shop: Flask, live: LiveShop, staff: list[str], tmp_path: Path) -> None:
    readers = [token for _, token in make_buyers(shop, LOGINS)]
    ask(live, tmp_path, "v2", readers, "--phases", "fuzzing,stateful")


@pytest.mark.parametrize("database", ["sqlite"])
def test_without_a_login(live: LiveShop, staff: list[str], tmp_path: Path) -> None:
    ask(live, tmp_path, "v2", [], "--phases", "fuzzing")
