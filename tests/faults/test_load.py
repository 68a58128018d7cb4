"""Readers in the shop while each of its processes is replaced by another."""

import subprocess
import sys

import pytest

from tests.clients import ROOT

pytestmark = pytest.mark.faults


def test_a_release_is_rolled_out_and_no_request_fails() -> None:
    round_ = ["--users", "15", "--books", "500", "--seconds", "15", "--after", "5"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", *round_],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "scheduler: stopped" in done.stdout
