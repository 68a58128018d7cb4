"""The import contracts hold, and each of them can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# One planted line for each contract: (file, line, the contract's name).
VIOLATIONS = [
    ("bookstore/money.py", "from bookstore import config", "The layers import downwards only"),
    (
        "bookstore/blueprints/health.py",
        "from bookstore.models import Book",
        "Entry points reach data through services",
    ),
    (
        "bookstore/services/pricing.py",
        "import flask",
        "Services, models and errors know nothing of the web or the queue",
    ),
    (
        "bookstore/schemas/common.py",
        "from bookstore.services import pricing",
        "Schemas never import services",
    ),
    ("bookstore/services/pricing.py", "from bookstore.services import orders", "No cycles"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--config", "setup.cfg", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_hold() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("file", "line", "contract"), VIOLATIONS)
def test_a_planted_violation_is_seen(file: str, line: str, contract: str, tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "bookstore", tmp_path / "bookstore", ignore=ignore)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    with (tmp_path / file).open("a") as stream:
        stream.write(f"\n{line}\n")
    result = lint(tmp_path)
    assert result.returncode == 1, result.stdout
    assert f"{contract} BROKEN" in result.stdout
