"""``flask openapi``: the documents, without anything that runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.cli.test_commands import run
from tests.processes import ROOT


def test_it_prints_what_the_shop_serves(shop: Flask) -> None:
    for version in ("v1", "v2"):
        done = run(shop, "openapi", version)
        assert done.exit_code == 0, done.output
        served = shop.test_client().get(f"/api/{version}/openapi.json").get_json()
        assert json.loads(done.stdout) == served


def test_it_needs_nothing_that_runs(tmp_path: Path) -> None:
    # Addresses at which nobody answers.
    nowhere = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "BOOKSTORE_HOME": str(tmp_path / "home"),
    }
    file = tmp_path / "new" / "v2.json"
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "openapi", "v2", "-o", str(file)]
    environ = {"PATH": os.environ["PATH"], **nowhere}
    subprocess.run(command, cwd=ROOT, env=environ, check=True, timeout=60)
    errors = OpenAPIV31SpecValidator(json.loads(file.read_text())).iter_errors()
    assert [str(error) for error in errors] == []


def test_it_knows_which_versions_there_are(shop: Flask) -> None:
    done = run(shop, "openapi", "v3")
    assert done.exit_code == 2
    assert "there is v1 and v2" in done.output
