"""docs/clients.md: its programs are run against a shop, and print what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from bookstore.services import accounts
from client_generators import node
from tests.client_generators.compiling import compiled
from tests.client_generators.conftest import on_one_database
from tests.clients import LiveShop
from tests.factories import make_book
from tests.processes import ROOT

GUIDE = (ROOT / "docs" / "clients.md").read_text()


def block(language: str, shop: LiveShop) -> tuple[str, str]:
    """Return the program in a language, for a shop, and what it prints."""
    pattern = rf"^```{language}\n(.*?)^```\n\n```text\n(.*?)^```$"
    [(program, printed)] = re.findall(pattern, GUIDE, re.M | re.S)
    program, times = re.subn(re.escape("http://127.0.0.1:8000"), shop.url, program)
    assert times == 1
    return program, printed


@pytest.fixture
def sample(shop: Flask) -> None:
    """What the guide's programs find in a shop with its sample data."""
    with shop.app_context():
        accounts.register("reader", "reader@example.com", "reader-demo-1")
        make_book("The Left Hand of Darkness", price=999)


@on_one_database
@pytest.mark.usefixtures("sample")
def test_the_python_program(live: LiveShop, python_client: Path) -> None:
    program, printed = block("python", live)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(python_client)}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (printed, "")


@on_one_database
@pytest.mark.usefixtures("sample")
def test_the_typescript_program(live: LiveShop, typescript_client: Path, tmp_path: Path) -> None:
    program, printed = block("typescript", live)
    assert compiled(program, typescript_client, tmp_path, emit=True) == ""
    assert node.run(tmp_path / "out" / "program.js") == printed
